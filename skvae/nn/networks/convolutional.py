"""Convolutional networks of flattened images and sequences; a sequence is an image of height one."""

import itertools
import math

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from skvae.nn.networks.activations import ACTIVATIONS
from skvae.nn.networks.base import Network
from skvae.nn.networks.dense import mlp

STRIDE = 2
"""How many times smaller each layer makes an image."""


class Grid:
    """Sizes of the images that the layers of an encoder see, from large to small.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width, or channels and length.
    channels : sequence of int
        Channels after each layer.
    kernel_size : int
        Height and width of a kernel.
    """

    def __init__(self, image_shape, channels, kernel_size):
        first, *size = image_shape
        is_flat = len(size) == 1
        self.kernel = (1, kernel_size) if is_flat else (kernel_size, kernel_size)
        self.stride = (1, STRIDE) if is_flat else (STRIDE, STRIDE)
        self.padding = tuple((k - 1) // 2 for k in self.kernel)
        self.channels, self.sizes = [first, *channels], [(1, *size) if is_flat else tuple(size)]
        for _ in channels:
            self.sizes.append(tuple(map(self._smaller, self.sizes[-1], self.kernel, self.stride, self.padding)))

    @property
    def n_layers(self):
        """Number of layers."""
        return len(self.channels) - 1

    @staticmethod
    def _smaller(size, kernel, stride, padding):
        return (size + 2 * padding - kernel) // stride + 1

    def missing(self, layer):
        """Rows and columns of pixels that a layer turned round lacks of the image that it is to make."""
        ends = zip(self.sizes[layer], self.sizes[layer + 1], self.kernel, self.stride, self.padding, strict=True)
        return tuple(size - ((small - 1) * stride - 2 * p + kernel) for size, small, kernel, stride, p in ends)

    @property
    def volumes(self):
        """Numbers that an image has before the first layer and after each one."""
        return [n * math.prod(size) for n, size in zip(self.channels, self.sizes, strict=True)]

    @property
    def products(self):
        """Products of each layer for one image."""
        pairs = itertools.pairwise(self.channels)
        sizes = map(math.prod, self.sizes[1:])
        return [size * a * b * math.prod(self.kernel) for size, (a, b) in zip(sizes, pairs, strict=True)]


class Kernels(nn.Module):
    """Kernels (after, height, width, before) from one number of channels to another, in the order of the encoder.

    Channels stand last, as in the images: products are fastest where what is added up lies side by side.
    """

    def __init__(self, grid, layer, n_before, n_inputs, generator, variance=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(grid.channels[layer + 1], *grid.kernel, n_before, dtype=torch.float32))
        bound = math.sqrt(3.0 * variance / n_inputs)
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        self._options = {"stride": grid.stride, "padding": grid.padding}

    @property
    def kernels(self):
        """The same as convolutions take them (after, before, height, width)."""
        return self.weight.permute(0, 3, 1, 2)


class Halving(Kernels):
    """A convolution that makes an image smaller."""

    def __init__(self, grid, layer, n_before, generator):
        super().__init__(grid, layer, n_before, n_before * math.prod(grid.kernel), generator)
        self.bias = nn.Parameter(torch.zeros(grid.channels[layer + 1], dtype=torch.float32))

    def forward(self, images):
        """Images (batch, before, height, width) -> (batch, after, smaller height, smaller width)."""
        return conv2d(images, self.kernels, self.bias, **self._options)


class Doubling(Kernels):
    """The same turned round, which makes an image larger; without a bias where pixels have one of their own."""

    def __init__(self, grid, layer, n_before, generator, is_last):
        n_inputs = grid.channels[layer + 1] * math.prod(grid.kernel) / math.prod(grid.stride)
        super().__init__(grid, layer, n_before, n_inputs, generator, 1.0 / 3.0 if is_last else 1.0)
        self.bias = None if is_last else nn.Parameter(torch.zeros(n_before, dtype=torch.float32))
        self._options["output_padding"] = grid.missing(layer)

    def forward(self, images):
        """Images (batch, after, smaller height, smaller width) -> (batch, before, height, width)."""
        return conv_transpose2d(images, self.kernels, self.bias, **self._options)


class Planes(nn.Module):
    """Numbers about columns as images: the first about each pixel in one plane, the second in the next one.

    Parameters
    ----------
    columns : torch.Tensor
        The column, which is a pixel, that each number is about (n_numbers,).
    image_shape : tuple of int
        Channels, height and width.
    """

    def __init__(self, columns, image_shape):
        super().__init__()
        n_pixels, order = math.prod(image_shape), columns.argsort(stable=True)
        counts = torch.bincount(columns, minlength=n_pixels)
        nth = torch.arange(len(columns)) - (counts.cumsum(0) - counts)[columns[order]]
        self.n_planes, self._image_shape = int(counts.max()), tuple(image_shape)
        place = nth * n_pixels + columns[order]  # of each number, in the order of columns
        full = torch.full((self.n_planes * n_pixels,), len(columns)).scatter(0, place, order)
        self._is_plain = torch.equal(full, torch.arange(len(full)))
        self.register_buffer("_number", full, persistent=False)
        self.register_buffer("_place", full.argsort()[: len(columns)], persistent=False)

    @property
    def n_channels(self):
        """Channels of an image with all its planes."""
        return self.n_planes * self._image_shape[0]

    def images(self, numbers):
        """Images (batch, n_channels, height, width) of numbers (batch, n_numbers); zero where there is no number."""
        if not self._is_plain:
            numbers = pad(numbers, (0, 1)).index_select(1, self._number)
        images = numbers.view(len(numbers), self.n_channels, *self._image_shape[1:])
        return images.contiguous(memory_format=torch.channels_last)

    def numbers(self, images):
        """The numbers (batch, n_numbers) of images (batch, n_channels, height, width)."""
        numbers = images.flatten(1)
        return numbers if self._is_plain else numbers.index_select(1, self._place)


class Shift(nn.Module):
    """A number of its own added to each output."""

    def __init__(self, n_outputs):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(n_outputs, dtype=torch.float32))

    def forward(self, outputs):
        """Outputs (..., n_outputs) moved."""
        return outputs + self.bias


class Convolutional(Network):
    """What both halves are: layers of kernels on one side, a perceptron on that of the codes."""

    def __init__(self, columns, activation, image_shape, channels, kernel_size):
        super().__init__()
        self.grid, self.activation = Grid(image_shape, channels, kernel_size), ACTIVATIONS[activation]()
        self.planes = Planes(columns, (image_shape[0], *self.grid.sizes[0]))

    @property
    def width(self):
        return max(self.planes.n_planes * self.grid.volumes[0], *self.grid.volumes[1:], self.dense.width)

    @property
    def n_products(self):
        first, *rest = self.grid.products
        return self.planes.n_planes * first + sum(rest) + self.dense.n_products

    def _channels_before(self, layer):
        return self.grid.channels[layer] if layer else self.planes.n_channels


class Encoder(Convolutional):
    """Rows of pixels -> images -> halved again and again -> perceptron."""

    def __init__(self, in_features, out_features, hidden_layer_sizes, activation, generator, columns, **shape):
        super().__init__(columns, activation, **shape)
        self.layers = nn.ModuleList(
            Halving(self.grid, layer, self._channels_before(layer), generator) for layer in range(self.grid.n_layers)
        )
        self.dense = mlp(self.grid.volumes[-1], out_features, hidden_layer_sizes, activation, generator)

    def forward(self, x):
        images = self.planes.images(x.reshape(-1, x.shape[-1]))
        for layer in self.layers:
            images = self.activation(layer(images))
        outputs = self.dense(images.permute(0, 2, 3, 1).flatten(1))
        return outputs.view(*x.shape[:-1], -1)

    @property
    def last_layer(self):
        return self.dense.last_layer


class Decoder(Convolutional):
    """Codes -> perceptron -> small images -> doubled again and again -> rows of pixels."""

    def __init__(self, in_features, out_features, hidden_layer_sizes, activation, generator, columns, **shape):
        super().__init__(columns, activation, **shape)
        self.dense = mlp(in_features, self.grid.volumes[-1], hidden_layer_sizes, activation, generator)
        self.layers = nn.ModuleList(
            Doubling(self.grid, layer, self._channels_before(layer), generator, is_last=layer == 0)
            for layer in reversed(range(self.grid.n_layers))
        )
        self.shift = Shift(out_features)

    def forward(self, z):
        numbers = self.dense(z.reshape(-1, z.shape[-1]))
        images = numbers.view(len(numbers), *self.grid.sizes[-1], self.grid.channels[-1]).permute(0, 3, 1, 2)
        for layer in self.layers:
            images = layer(self.activation(images))
        return self.shift(self.planes.numbers(images)).view(*z.shape[:-1], -1)

    @property
    def last_layer(self):
        return self.shift
