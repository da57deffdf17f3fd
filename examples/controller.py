"""Control: a state of two numbers, seen by 30 noisy sensors, and a linear controller that reads codes a row at a time.

A pendulum stands on its head and is held there by a torque. Each sensor answers to one region of angles and speeds,
with noise. An autoencoder learns codes of a stream of such rows with ``partial_fit``, without being told the state; a
linear regression then learns the torque from the codes of a few rows that a teacher has labelled. Beside it: the same
regression on the sensors themselves and on principal components. The picture needs matplotlib,
``pip install 'skvae[plot]'``.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import IncrementalPCA
from sklearn.linear_model import RidgeCV

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian

N_SENSORS, NOISE, PUSH, STEP = 30, 0.15, 0.25, 0.05
"""Sensors, the standard deviations of their noise and of pushes, and seconds between two rows."""


class Pendulum:
    """Pendulums on their heads: angles and speeds (n, 2), moved by torques and pushed by chance."""

    def __init__(self, n, rng):
        self.rng = rng
        self.states = rng.uniform(-0.6, 0.6, size=(n, 2))
        middles = np.random.RandomState(1)  # the sensors are the same for all
        self.middles = middles.uniform(-1.5, 1.5, size=(N_SENSORS, 2))

    def sensors(self):
        """What sensors say (n, N_SENSORS)."""
        away = self.states[:, None] - self.middles
        seen = np.exp(-0.5 * np.square(away / 0.6).sum(-1))
        return seen + NOISE * self.rng.normal(size=seen.shape)

    def move(self, torques):
        """One step of time; gravity pulls an angle on, and every pendulum is pushed by chance."""
        angles, speeds = self.states.T
        speeds = speeds + STEP * (2.0 * np.sin(angles) + torques) + PUSH * self.rng.normal(size=len(angles))
        speeds = np.clip(speeds, -1.5, 1.5)
        angles = np.clip(angles + STEP * speeds, -1.5, 1.5)
        self.states = np.column_stack([angles, speeds])


def teacher(states):
    """The torque that brings the pendulum back, from the true state."""
    return -6.0 * states[:, 0] - 3.0 * states[:, 1]


def main(n_rows=12000, n_labels=60, output="controller.png"):
    """Learn codes of a stream, a controller of few labels, and hold pendulums."""
    autoencoder = AutoencoderTransformer(
        4,
        network="mlp",
        likelihood="isotropic_gaussian",  # all sensors have one unit and one noise
        corruption=Gaussian(0.7),
        random_state=0,
    )
    models = {"codes, 4": autoencoder} | {f"PCA, {size}": IncrementalPCA(size) for size in (2, 4, 8)}
    world = Pendulum(20, np.random.RandomState(0))
    for _ in range(n_rows // 1000):
        batch = stream(world, 50)[0]
        for model in models.values():
            model.partial_fit(batch)

    sensors, states = (part[:n_labels] for part in stream(world, 1 + n_labels // 20))
    sees = {name: model.transform for name, model in models.items()} | {"sensors, 30": np.asarray}
    readers = {name: RidgeCV(np.logspace(-4, 2, 13)).fit(see(sensors), teacher(states)) for name, see in sees.items()}
    controllers = {name: lambda rows, name=name: readers[name].predict(sees[name](rows)) for name in sees}
    paths = {name: held(controller) for name, controller in controllers.items()}
    paths["teacher, true state"] = held(None)

    print(f"{n_rows} rows of {N_SENSORS} sensors, {n_labels} labelled torques; 50 pendulums held for 20 seconds\n")
    print("                     error of the torque   angle, root mean square   fallen")
    sensors, states = stream(world, 100)
    for name, path in paths.items():
        wrong = np.square(controllers[name](sensors) - teacher(states)).mean() if name in controllers else 0.0
        angle, fallen = np.sqrt(np.square(path).mean()), (np.abs(path).max(axis=0) > 1.4).mean()
        print(f"{name:20s} {np.sqrt(wrong):20.2f}  {angle:24.3f}  {fallen:7.0%}")
    print("\nOne row, in microseconds, the median of 300 calls")
    for name, model in models.items():
        print(f"{name}: {type(model).__name__}.transform {microseconds(model.transform, sensors):.0f}")
    picture({name: paths[name] for name in ("codes, 4", "PCA, 4", "sensors, 30", "teacher, true state")}, output)


def stream(world, n_steps):
    """Rows of sensors and the states behind them, of pendulums that a teacher holds and chance disturbs."""
    sensors, states = [], []
    for _ in range(n_steps):
        sensors.append(world.sensors())
        states.append(world.states)
        world.move(teacher(world.states) + 4.0 * world.rng.normal(size=len(world.states)))
    return np.concatenate(sensors), np.concatenate(states)


def held(controller, n=50, n_steps=400):
    """Angles (n_steps, n) of new pendulums under a controller; None is the teacher, who knows the state."""
    world, angles = Pendulum(n, np.random.RandomState(2)), []
    for _ in range(n_steps):
        sensors = world.sensors()
        world.move(teacher(world.states) if controller is None else controller(sensors))
        angles.append(world.states[:, 0])
    return np.array(angles)


def microseconds(transform, rows, n_calls=300):
    """Median time of a call with one row."""
    seconds = []
    for row in range(n_calls):
        one = rows[row : row + 1]
        start = time.perf_counter()
        transform(one)
        seconds.append(time.perf_counter() - start)
    return 1e6 * np.median(seconds)


def picture(paths, path):
    """Draw the angles of a few pendulums under each controller."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 3.0), layout="constrained")
    for axes, (name, angles) in zip(figure.subplots(1, len(paths), sharey=True), paths.items(), strict=True):
        axes.plot(STEP * np.arange(len(angles)), angles[:, :12], color="C0", alpha=0.5, linewidth=0.8)
        axes.axhline(0.0, color="0.3", linewidth=0.6)
        axes.set(title=name, xlabel="seconds", ylim=(-1.6, 1.6))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("angle in radians")
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-rows", type=int, default=12000, help="rows of the stream")
    parser.add_argument("--n-labels", type=int, default=60, help="rows with a torque")
    parser.add_argument("--output", default="controller.png", help="file of the picture")
    main(**vars(parser.parse_args()))
