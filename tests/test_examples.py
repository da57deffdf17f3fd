"""The examples run as a user runs them, with small settings, and what they print is true."""

import builtins
import math
import re
import runpy
import sys
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs an example with command-line arguments and returns what it prints."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def section(text, headline):
    """The lines between a headline and the next empty line."""
    return text.split(headline, 1)[1].split("\n\n")[0].splitlines()[1:]


def numbers(lines):
    """The numbers of each line that begins with one word, by that word."""
    cells = [line.split() for line in lines]
    return {row[0]: [float(cell) for cell in row[1:]] for row in cells if row[1:] and all(map(NUMBER.match, row[1:]))}


def test_every_example_is_tested():
    """Those of clusters and the service in test_engines.py."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "anomalies.py",
        "anomaly_map.py",
        "cluster_dask.py",
        "cluster_ray.py",
        "clustering.py",
        "compression.py",
        "controller.py",
        "denoising.py",
        "few_labels.py",
        "generation.py",
        "grid_search.py",
        "inpainting.py",
        "pipeline_digits.py",
        "quickstart.py",
        "retrieval.py",
        "segmentation.py",
        "service.py",
        "several_processes.py",
        "tables.py",
        "time_series.py",
    }


def test_quickstart_shows_all_that_one_model_gives(run, tmp_path):
    picture = tmp_path / "wines.png"
    text = run("quickstart.py", "--max-iter", 40, "--output", picture)

    codes = numbers(section(text, "Codes"))
    assert len(codes) == 3
    assert all(len(code) == 2 for code in codes.values())

    restored = numbers(section(text, "Wine "))
    assert len(restored) == 13
    measured, expected = restored["proline"]
    assert abs(measured - expected) < 300  # one standard deviation of the column

    moments = numbers(section(text, "2000 new wines"))
    assert len(moments) == 13
    for mean, sample_mean, spread, sample_spread in moments.values():
        assert abs(mean - sample_mean) < 0.25 * spread + 0.01  # printed with two decimals
        assert 0.6 * spread < sample_spread < 1.4 * spread

    scores = {name: values[0] for name, values in numbers(section(text, "Log-likelihood")).items()}
    assert set(scores) == {"VAETransformer", "FactorAnalysis", "PCA"}
    assert scores["VAETransformer"] == pytest.approx(scores["FactorAnalysis"], abs=3)  # the same units
    assert f"{max(scores, key=scores.get)} wins by" in text

    strange = [line.split() for line in section(text, "The strangest")[1:]]
    assert [float(row[1]) for row in strange] == sorted(float(row[1]) for row in strange)
    assert len(strange) == 3

    header = picture.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    assert width > height > 400


def test_quickstart_goes_on_without_matplotlib(run, tmp_path, monkeypatch):
    def no_matplotlib(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return imported(name, *arguments, **options)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    text = run("quickstart.py", "--max-iter", 2, "--n-samples", 10, "--output", tmp_path / "none.png")
    assert "pip install 'skvae[plot]'" in text
    assert not list(tmp_path.iterdir())


def test_pipeline_digits_compares_the_same_classifier_on_both_codes(run, tmp_path):
    text = run("pipeline_digits.py", "--max-iter", 20, "--n-splits", 2, "--plot", tmp_path / "folds.png")
    assert is_picture(tmp_path / "folds.png")
    accuracy = {name: values[0] for name, values in numbers(text.splitlines()).items()}
    assert set(accuracy) == {"VAETransformer", "PCA"}
    assert all(0.88 < value < 1.0 for value in accuracy.values())
    assert re.search(r"in [012] of 2 folds", text)


def test_grid_search_prints_one_row_a_size_and_chooses_the_best(run, tmp_path):
    options = ["--sizes", 1, 3, "--max-iter", 40, "--n-splits", 2]
    text = run("grid_search.py", *options, "--plot", tmp_path / "curves.png")
    assert is_picture(tmp_path / "curves.png")
    table = numbers(text.splitlines())
    assert list(table) == ["1", "3"]
    vae, _, linear = zip(*table.values(), strict=True)
    assert vae[1] > vae[0] + 1  # three components explain these columns far better than one
    assert vae[0] == pytest.approx(linear[0], abs=8)  # the same units
    assert "Best by held-out likelihood: 3 components" in text
    assert "Fewest that no larger number beats by enough: 3 components" in text
    lead, side = re.search(r"The best VAE is (\S+) nats a row (above|below)", text).groups()
    assert float(lead) * (1 if side == "above" else -1) == pytest.approx(max(vae) - max(linear), abs=0.02)


def test_anomalies_flags_and_names_the_planted_cells(run, tmp_path):
    text = run("anomalies.py", "--plot", tmp_path / "strangest.png")
    planted = [line.split() for line in section(text, "The planted cells")[2:10]]
    assert [row[1] for row in planted] == 4 * ["slip"] + 4 * ["swap"]
    verdicts = [re.search(r" (-?1) +([\d.e-]+) +\D", " ".join(row)).groups() for row in planted]
    assert all((label == "-1") == (float(probability) > 0.5) for label, probability in verdicts)
    counts = re.findall(r"^(slip|swap): (\d) of 4 rows flagged, (\d) of 4 cells named first$", text, re.MULTILINE)
    (_, slips, slips_named), (_, swaps, swaps_named) = counts
    assert slips == "4"
    assert int(slips_named) >= 3
    assert int(swaps_named) >= 3
    assert int(slips) + int(swaps) == sum(label == "-1" for label, _ in verdicts)
    assert int(re.search(r"came: (\d+) rows", text)[1]) < 0.04 * 569
    lines = [line.split() for line in section(text, "Also flagged")]
    assert lines[0] == ["column", "value", "expected", "low", "high", "times", "unusual", "share", "note"]
    shares = [float(row[-1]) for row in lines[2:]]
    assert all(first < second < 0 for first, second in zip(shares[::2], shares[1::2], strict=True))
    assert (tmp_path / "strangest.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_generation_draws_four_pictures_and_its_numbers_are_in_order(run, tmp_path):
    matplotlib.use("Agg")
    text = run("generation.py", "--max-iter", 10, "--n-components", 8, "--output", tmp_path)
    names = {"digits-restored.png", "digits-drawn.png", "digits-between.png", "digits-map.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in tmp_path.iterdir())
    errors = [line.split() for line in section(text, "Mean squared error")]
    (_, _, error, share), (_, _, error_of_two, share_of_two) = errors
    assert float(error) < float(error_of_two)
    assert 0.3 < float(share_of_two) < float(share) < 1.0
    measured, drawn, without_noise = map(float, section(text, "Standard deviation")[0].split())
    assert without_noise < drawn < 1.2 * measured
    low, high = map(int, re.search(r"between (\d+) and (\d+)", text).groups())
    assert 0 <= low < high <= 16


def test_tables_fills_holes_better_than_means_and_draws_wines_like_those_of_the_table(run, tmp_path):
    text = run("tables.py", "--max-iter", 20, "--plot", tmp_path / "cells.png")
    assert is_picture(tmp_path / "cells.png")
    assert text.startswith("178 rows, 14 columns, ")
    chosen = {line.split()[0]: line for line in section(text, "How each column is modelled")[1:]}
    assert len(chosen) == 14
    assert re.search(r"categorical +3 levels", chosen["cultivar"])
    row = [line.split() for line in section(text, "One row")[1:]]
    taken_out = [line for line in row if line[2] in ("NaN", "None", "nan")]
    assert len(row) == 14
    assert taken_out
    assert all(line[1] == line[2] == line[3] for line in row if line not in taken_out)
    assert all(line[3] not in ("NaN", "None", "nan") for line in taken_out)
    errors = [line.split()[-2:] for line in section(text, "Mean squared error")]
    (error, wrong), (by_means, by_most_frequent) = (map(float, line) for line in errors)
    assert error < 0.75 * by_means
    assert wrong < 0.5 * by_most_frequent
    drawn = [line.split() for line in section(text, "New wines")]
    assert drawn[0] == drawn[4] == ["cultivar", "alcohol", "flavanoids", "proline"]
    assert {line[1] for line in drawn[1:4]} <= {"barolo", "grignolino", "barbera"}
    assert [line[1] for line in drawn[5:]] == 3 * ["barbera"]
    measured, of_drawn = map(float, re.search(r"barbera wines: (\S+), of drawn ones (\S+)", text).groups())
    assert of_drawn < 1.5  # all wines together have 2.0
    assert measured < 0.8


@pytest.mark.parametrize("hidden", ["half", "square"])
def test_inpainting_fills_better_than_means_and_components(run, tmp_path, hidden):
    text = run("inpainting.py", "--hidden", hidden, "--max-iter", 40, "--output", tmp_path / "filled.png")
    errors = {line.rsplit(maxsplit=1)[0]: float(line.split()[-1]) for line in section(text, "Mean squared error")}
    assert list(errors) == ["column means", "ten neighbours", "PCA", "AutoencoderImputer"]
    assert errors["AutoencoderImputer"] < 0.8 * errors["PCA"] < errors["column means"]
    assert (tmp_path / "filled.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def figures(text):
    """The numbers of each line of a table whose first column may have several words, by that column."""
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    rows = {first: " ".join(rest).replace("%", "").replace("mean", "").split() for first, *rest in lines}
    return {name: list(map(float, row)) for name, row in rows.items() if row and all(map(NUMBER.match, row))}


def is_picture(path):
    """Whether a file is a picture of the size that a page may hold."""
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size < 150_000


USES = {
    "anomaly_map": ["--max-iter", 20],
    "clustering": ["--max-iter", 10, "--n-components", 8],
    "compression": ["--max-iter", 30, "--sizes", 4],
    "controller": ["--n-rows", 4000],
    "denoising": ["--max-iter", 20],
    "few_labels": ["--max-iter", 20, "--n-draws", 2],
    "retrieval": ["--max-iter", 10, "--sizes", 8],
    "segmentation": ["--max-iter", 5, "--n-mosaics", 1],
}
"""Examples of the page on uses of images, and settings that make them short."""


@pytest.fixture
def use(run, tmp_path):
    """Runs such an example and returns its table, once its picture is there."""

    def use(name, *arguments):
        matplotlib.use("Agg")
        text = run(f"{name}.py", *arguments, "--output", tmp_path / "picture.png")
        assert is_picture(tmp_path / "picture.png")
        return figures(text)

    return use


def test_anomaly_map_finds_the_pixels_of_strokes(use):
    table = use("anomaly_map", *USES["anomaly_map"])
    assert len(table) == 6
    assert all(table["score_features"][0] > area for name, (area, _) in table.items() if "distance" in name)
    assert table["score_features"][0] > 0.95


def test_clustering_has_two_figures_of_two_methods_for_each_code(use):
    table = use("clustering", *USES["clustering"])
    assert list(table) == ["codes, 8", "PCA, 10", "PCA, 16", "PCA, 32", "raw pixels, 64"]
    assert all(len(row) == 4 and min(row) > 0.4 and max(row) < 1.0 for row in table.values())


def test_compression_loses_more_with_fewer_bits_and_less_than_pca(use):
    table = use("compression", *USES["compression"])
    eight, four, full = (table[f"4 {stored}"] for stored in ("x 8", "x 4", "as floats"))
    assert [eight[0], four[0], full[0]] == [4.0, 2.0, 16.0]  # bytes
    for model in (1, 2):
        assert eight[model] == pytest.approx(full[model], rel=0.01)
        assert 1.002 * full[model] < four[model] < 1.3 * full[model]
    assert full[1] < 0.8 * full[2]


def test_controller_holds_pendulums_by_codes_and_says_how_long_a_row_takes(use):
    table = use("controller", *USES["controller"])
    assert len(table) == 6
    assert table["teacher, true state"][0] == 0.0
    assert all(table["teacher, true state"][1] <= angle for _, angle, _ in table.values())
    assert table["codes, 4"][0] < 1.4  # without any codes the standard deviation, 2.3
    assert table["codes, 4"][2] <= 10.0  # percent of the pendulums


def test_denoising_takes_noise_away(use):
    table = use("denoising", *USES["denoising"])
    noisy = table.pop("noisy digits")[0]
    assert noisy == pytest.approx(20.0 * math.log10(1.0 / 0.3), abs=0.15)  # noise of 0.3 of the range
    assert all(ratio > noisy + 3.0 for (ratio,) in table.values())


def test_few_labels_are_worth_less_than_more(use):
    table = use("few_labels", *USES["few_labels"])
    assert list(table) == ["raw pixels", "codes, 32", "PCA, 10", "PCA, 20", "PCA, 32"]
    for fifty, _, two_hundred, _, everyone, spread in table.values():
        assert 0.6 < fifty < two_hundred < everyone < 1.0
        assert spread == 0.0
    assert table["codes, 32"][0] > table["PCA, 32"][0] + 0.01


def test_retrieval_finds_the_same_numeral(use):
    table = use("retrieval", *USES["retrieval"])
    assert list(table) == ["raw pixels, 64", "codes, 8", "PCA, 8"]
    assert all(0.85 < ten < first < 1.0 for first, ten in table.values())


def test_segmentation_tells_textures_apart_by_codes_and_not_by_raw_patches(use):
    table = use("segmentation", *USES["segmentation"])
    assert all(share == mean for share, mean in table.values())  # there is one image
    assert table["raw patches, 64"][0] < 0.5 < 0.65 < table["codes, 8"][0]
    assert table["PCA, 32"][0] > 0.9


def days_by(text):
    """The shares in percent of a table of days of a meter, by who judges and by fault."""
    lines = (re.split(r" {2,}", line.strip()) for line in text)
    return {
        name: dict(zip(("spike", "stuck", "dropped", "shifted", "drifting"), shares, strict=True))
        for name, *cells in lines
        if len(shares := [float(cell.removesuffix("%")) for cell in cells if cell.endswith("%")]) == 5
    }


@pytest.fixture
def days_of_a_meter(run, tmp_path):
    """Runs the example; the shares of days that are flagged, and of first reasons that are true."""

    def days_of_a_meter(*arguments):
        matplotlib.use("Agg")
        text = run("time_series.py", *arguments, "--output", tmp_path / "picture.png")
        assert is_picture(tmp_path / "picture.png")
        flagged, reasons = text.split("The strangest quarter hour")
        return days_by(flagged.splitlines()), days_by(reasons.splitlines())

    return days_of_a_meter


def test_time_series_finds_days_and_hours_with_a_fault(days_of_a_meter):
    flagged, reasons = days_of_a_meter("--n-train", 300, "--n-faults", 30, "--max-iter", 30)
    assert len(flagged) == 7
    assert set(reasons) == {"convolutional", "default", "PCA, 12 components"}
    assert flagged["convolutional"]["dropped"] == flagged["default"]["dropped"] == 100.0
    assert flagged["convolutional"]["shifted"] > 60.0 > flagged["IsolationForest"]["shifted"]
    assert min(reasons["convolutional"][kind] for kind in ("spike", "dropped", "shifted")) > 85.0


@pytest.mark.slow
def test_what_the_page_says_of_days_of_a_meter_holds(days_of_a_meter):
    flagged, reasons = days_of_a_meter()
    ours, default, pca = (flagged[name] for name in ("convolutional", "default", "PCA, 12 components"))
    assert ours["spike"] > default["spike"] + 20.0
    assert default["drifting"] > ours["drifting"] + 10.0
    assert ours["drifting"] > pca["drifting"] + 10.0
    assert flagged["one of the two"]["drifting"] > ours["drifting"]
    assert flagged["one of the two"]["spike"] > default["spike"]
    stuck = {name: shares["stuck"] for name, shares in flagged.items()}
    assert stuck.pop("and changes as a channel") > 90.0
    assert max(stuck.values()) < 50.0
    assert min(reasons["convolutional"][kind] for kind in ("spike", "dropped", "shifted")) > 90.0


@pytest.mark.slow
def test_what_the_page_says_of_denoising_labels_and_strokes_holds(use):
    ratios = use("denoising")
    assert ratios["autoencoder"][0] > max(row[0] for name, row in ratios.items() if name != "autoencoder") + 1.0
    accuracy = use("few_labels")
    ours = accuracy.pop("codes, 32")
    assert all(ours[count] > max(row[count] for row in accuracy.values()) for count in (0, 2))
    areas = use("anomaly_map")
    assert areas["score_features"][0] > max(row[0] for name, row in areas.items() if name != "score_features")


@pytest.mark.slow
def test_what_the_page_says_of_compression_retrieval_and_control_holds(use):
    errors = use("compression")
    assert all(ours < 0.7 * of_pca for _, ours, of_pca in errors.values())
    assert errors["8 x 4"][1] < errors["4 x 8"][1]  # more numbers are worth more than more bits
    found = use("retrieval")
    assert found["codes, 8"][1] > found["PCA, 8"][1] + 0.01
    torques = use("controller")
    ours, _ = torques.pop("codes, 4"), torques.pop("teacher, true state")
    assert all(ours[0] < 0.95 * error for error, _, _ in torques.values())


@pytest.mark.slow
def test_what_the_page_says_of_textures_holds(use):
    shares = {name: row[-1] for name, row in use("segmentation").items()}
    assert shares["raw patches, 64"] < 0.5 < shares["PCA, 8"] < shares["PCA, 32"]
    assert shares["codes, 8"] > shares["raw patches, 64"] + 0.3


def test_several_processes_are_one_without_torchrun(run, tmp_path):
    said = run("several_processes.py", "--folder", tmp_path, "--max-iter", 3)
    assert re.match(r"1 processes, 3 epochs, [\d.]+ s, -\d+\.\d\d nats a row\n", said)
    assert (tmp_path / "digits.parquet").exists()
    assert not list((tmp_path / "states").iterdir())
