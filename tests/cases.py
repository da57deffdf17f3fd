"""Cases of a product: as many in every run as its claim needs, and all of them under the marker ``slow``."""

import itertools

import pytest


def each_value(**axes):
    """Parametrise by cases in which every value of every axis comes; the rest of the product is slow."""
    return covered(1, axes)


def each_pair(**axes):
    """Parametrise by cases in which every value meets every value of every other axis; the rest is slow."""
    return covered(2, axes)


def covered(strength, axes):
    """Parametrise by cases in which all combinations of so many values come; the rest is slow."""
    names, product = list(axes), list(itertools.product(*(enumerate(values) for values in axes.values())))
    places = [tuple(number for number, _ in case) for case in product]
    chosen = set(covering(places, strength))
    cases = [
        pytest.param(*(value for _, value in case), marks=() if place in chosen else pytest.mark.slow)
        for place, case in zip(places, product, strict=True)
    ]
    return pytest.mark.parametrize(names, cases)


def covering(places, strength):
    """Places of a product, one after the other that which holds the most new combinations of so many values."""
    left = {place: combinations(place, strength) for place in places}
    while left:
        best = max(left, key=lambda place: len(left[place]))
        yield best
        found = left.pop(best)
        left = {place: more for place, each in left.items() if (more := each - found)}


def combinations(place, strength):
    """All combinations of so many values in a place, each with its axes."""
    return set(itertools.combinations(enumerate(place), strength))
