"""Which days of a meter are strange, and at which hours: a day of 96 quarter hours is a row.

The days are made here: the power that a building draws in kW, with people on weekdays and few at the weekend, heating
by a weather that lasts for days, clouds and noise. A convolutional network sees that quarter hours are neighbours; the
training days are known to be usual, which is ``contamination=0.0``. Five kinds of faults are then planted into new
days. Beside it: the detector at its defaults, the reconstruction error of PCA and IsolationForest, all at the threshold
that one in a hundred new usual days falls below. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from skvae import AutoencoderOutlierDetector, VAETransformer
from skvae.networks import Convolutional

QUARTERS = 96
HOURS = (np.arange(QUARTERS) + 0.5) / 4
CLOCK = [f"{quarter // 4:02d}:{15 * (quarter % 4):02d}" for quarter in range(QUARTERS)]

NOTICED = 1.0
"""Change in kW, two standard deviations of the noise, from which on a quarter hour counts as faulty."""

FALSE_ALARMS, SELDOM = 0.01, 0.005
"""Shares of usual days that are flagged, and of their quarter hours that the picture would mark."""


def main(n_train=730, n_new=1000, n_faults=100, n_components=12, max_iter=60, output="time_series.png"):
    """Learn usual days, and look for faults in others."""
    rng = np.random.RandomState(0)
    train, usual, before = days(n_train, rng), days(n_new, rng), days(n_faults, rng)
    faulty = {kind: before.apply(plant, axis=1, raw=True, args=(rng,)) for kind, plant in FAULTS.items()}
    changed = {kind: np.abs(rows - before).to_numpy() > NOTICED for kind, rows in faulty.items()}

    detector = convolutional(1, n_components, max_iter).fit(train)
    of_two = convolutional(2, n_components, max_iter).fit(with_changes(train))
    default = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(train)
    forest = IsolationForest(random_state=0).fit(train)
    errors = {size: errors_of_pca(train, size) for size in (4, 12)}

    print(f"{n_train} usual days learned. Days with each fault that are flagged,")
    print(f"where {FALSE_ALARMS:.0%} of {n_new} new usual days are flagged too\n")
    print(" " * 25 + "".join(f"{kind:>10s}" for kind in FAULTS))
    judges = {
        "convolutional": [detector.score_samples],
        "and changes as a channel": [lambda rows: of_two.score_samples(with_changes(rows))],
        "default": [default.score_samples],
        "one of the two": [detector.score_samples, default.score_samples],
        **{f"PCA, {size} components": [lambda rows, of=of: -of(rows).sum(axis=1)] for size, of in errors.items()},
        "IsolationForest": [forest.score_samples],
    }
    for name, scores in judges.items():
        show(name, shares_flagged(scores, usual, faulty))

    print("\nThe strangest quarter hour of a day is one that the fault has changed\n")
    reasons = {"convolutional": first_of(detector), "default": first_of(default)}
    reasons["PCA, 12 components"] = lambda rows: errors[12](rows).argmax(axis=1)
    for name, first in reasons.items():
        show(name, [changed[kind][np.arange(n_faults), first(rows)].mean() for kind, rows in faulty.items()])

    print("\nUsual days that are flagged by a threshold of the detector's own\n")
    for name, one in (("convolutional", detector), ("default", default)):
        show(name, [(one.predict(usual) == -1).mean()])
    picture(detector, usual, faulty, before, output)


def convolutional(n_channels, n_components, max_iter):
    """A detector of days whose rows have one channel after the other."""
    network = Convolutional((n_channels, QUARTERS), channels=(16, 32), kernel_size=5)
    estimator = VAETransformer(n_components, network=network, likelihood="gaussian", max_iter=max_iter)
    return AutoencoderOutlierDetector(estimator, contamination=0.0, random_state=0)


def with_changes(rows):
    """Days and, as a second channel, how much each quarter hour differs from the one before, as a logarithm."""
    values = rows.to_numpy()
    changes = np.abs(np.diff(values, axis=1, prepend=values[:, 1:2]))  # the first is that of the second
    return np.hstack([values, np.log10(changes + 0.01)])


def days(n, rng):
    """Days of a meter in kW (n, QUARTERS), from a Monday on."""
    is_weekend = (np.arange(n) % 7 >= 5)[:, None]
    cold = lasting(rng.normal(size=n), 0.8)[:, None]  # 1 is one standard deviation colder than usual
    begin = np.where(is_weekend, 10.0, 7.0) + 0.4 * rng.normal(size=(n, 1))
    end = np.where(is_weekend, 15.0, 17.5) + 0.5 * rng.normal(size=(n, 1))
    people = np.where(is_weekend, 6.0, 25.0) * (1.0 + 0.08 * rng.normal(size=(n, 1)))
    work = people / (1.0 + np.exp((begin - HOURS) / 0.35)) / (1.0 + np.exp((HOURS - end) / 0.5))
    lunch = np.where(is_weekend, 0.0, 3.0) * np.exp(-2.0 * np.square(HOURS - 12.5))
    heating = (9.0 + 4.0 * cold) * (1.0 - 0.5 * np.square(np.sin(np.pi * HOURS / 24.0)))
    clouds = 1.2 * lasting(rng.normal(size=(n, QUARTERS)), 0.9)
    noise = 0.5 * rng.normal(size=(n, QUARTERS))
    return pd.DataFrame(15.0 + work - lunch + heating + clouds + noise, columns=CLOCK)


def lasting(pushes, kept):
    """Numbers of variance one along the last axis, each of which keeps a share of the one before."""
    numbers = pushes.copy()
    for place in range(1, pushes.shape[-1]):
        numbers[..., place] = kept * numbers[..., place - 1] + np.sqrt(1.0 - kept**2) * pushes[..., place]
    return numbers


def spike(day, rng):
    """6 kW more or less for half an hour."""
    place = rng.randint(QUARTERS - 2)
    return day + np.where(within(place, 2), rng.choice([-6.0, 6.0]), 0.0)


def stuck(day, rng):
    """The same value for four hours."""
    place = rng.randint(QUARTERS - 16)
    return np.where(within(place, 16), day[place], day)


def dropped(day, rng):
    """Zero for an hour."""
    return np.where(within(rng.randint(QUARTERS - 4), 4), 0.0, day)


def shifted(day, rng):
    """A clock that is one and a half hours early or late."""
    return np.roll(day, rng.choice([-6, 6]))


def drifting(day, rng):
    """From some time before noon on ever more or less, at midnight by 6 kW."""
    start = rng.randint(QUARTERS // 2)
    drift = np.clip((np.arange(QUARTERS) - start) / (QUARTERS - start), 0.0, None)
    return day + rng.choice([-6.0, 6.0]) * drift


FAULTS = {"spike": spike, "stuck": stuck, "dropped": dropped, "shifted": shifted, "drifting": drifting}


def show(name, shares):
    """Print a line of a table."""
    print(f"{name:25s}" + "".join(f"{share:10.1%}" for share in shares))


def within(place, length):
    """Mask of the quarter hours of a fault."""
    return (np.arange(QUARTERS) >= place) & (np.arange(QUARTERS) < place + length)


def errors_of_pca(train, size):
    """A function of days: squared errors (n, QUARTERS) of their reconstruction from principal components."""
    pca = PCA(size, random_state=0).fit(train.to_numpy())
    return lambda rows: np.square(rows.to_numpy() - pca.inverse_transform(pca.transform(rows.to_numpy())))


def shares_flagged(scores, usual, faulty):
    """Shares of the days with each fault that one of several scores flags, which have equal parts of false alarms."""
    thresholds = [np.quantile(score(usual), FALSE_ALARMS / len(scores)) for score in scores]
    judged = list(zip(scores, thresholds, strict=True))
    return [np.any([score(rows) < threshold for score, threshold in judged], axis=0).mean() for rows in faulty.values()]


def first_of(detector):
    """A function of days: the number of the quarter hour that ``explain`` names first (n,)."""

    def first(rows):
        named = detector.explain(rows, n_columns=1)["column"]
        return np.array([CLOCK.index(clock) for clock in named])

    return first


def picture(detector, usual, faulty, before, path):
    """Draw the first flagged day of each fault, what was expected of it, and which quarter hours are strange."""
    from matplotlib.figure import Figure

    seldom = np.quantile(detector.estimator_.score_features(usual), SELDOM)
    figure = Figure(figsize=(13, 3.2), layout="constrained")
    for axes, (kind, rows) in zip(figure.subplots(1, len(faulty), sharey=True), faulty.items(), strict=True):
        day = rows.iloc[[detector.predict(rows).argmin()]]
        reasons = detector.explain(day, n_columns=QUARTERS).set_index("column").loc[CLOCK]
        axes.fill_between(HOURS, reasons["low"].astype(float), reasons["high"].astype(float), color="C0", alpha=0.2)
        axes.plot(HOURS, reasons["expected"].astype(float), color="C0", linewidth=1, label="expected")
        axes.plot(HOURS, before.loc[day.index[0]], color="0.6", linewidth=0.8, label="without the fault")
        axes.plot(HOURS, day.iloc[0], color="0.1", linewidth=1, label="the day")
        strange = (reasons["share"] < seldom).to_numpy()
        axes.plot(HOURS[strange], day.iloc[0][strange], "o", color="C3", markersize=4, label="strange")
        axes.set(title=kind, xlabel="hour", xticks=range(0, 25, 6))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("kW")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=730, help="usual days to learn from")
    parser.add_argument("--n-faults", type=int, default=100, help="days of each fault")
    parser.add_argument("--n-components", type=int, default=12, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=60, help="most passes over the days")
    parser.add_argument("--output", default="time_series.png", help="file of the picture")
    main(**vars(parser.parse_args()))
