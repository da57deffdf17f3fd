"""The examples run as a user runs them, with small settings, and what they print is true."""

import builtins
import re
import runpy
import sys
from pathlib import Path

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
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "anomalies.py",
        "generation.py",
        "grid_search.py",
        "pipeline_digits.py",
        "quickstart.py",
        "tables.py",
    }


def test_quickstart_shows_all_that_one_model_gives(run, tmp_path):
    pytest.importorskip("matplotlib")
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


def test_pipeline_digits_compares_the_same_classifier_on_both_codes(run):
    text = run("pipeline_digits.py", "--max-iter", 20, "--n-splits", 2)
    accuracy = {name: values[0] for name, values in numbers(text.splitlines()).items()}
    assert set(accuracy) == {"VAETransformer", "PCA"}
    assert all(0.88 < value < 1.0 for value in accuracy.values())
    assert re.search(r"in [012] of 2 folds", text)


def test_grid_search_prints_one_row_a_size_and_chooses_the_best(run):
    text = run("grid_search.py", "--sizes", 1, 3, "--max-iter", 40, "--n-splits", 2)
    table = numbers(text.splitlines())
    assert list(table) == ["1", "3"]
    vae, _, linear = zip(*table.values(), strict=True)
    assert vae[1] > vae[0] + 1  # three components explain these columns far better than one
    assert vae[0] == pytest.approx(linear[0], abs=8)  # the same units
    assert "Best by held-out likelihood: 3 components" in text
    assert "Smallest within one standard error of it: 3 components" in text
    lead, side = re.search(r"The best VAE is (\S+) nats a row (above|below)", text).groups()
    assert float(lead) * (1 if side == "above" else -1) == pytest.approx(max(vae) - max(linear), abs=0.02)


def test_anomalies_flags_and_names_the_planted_cells(run, tmp_path):
    pytest.importorskip("matplotlib")
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
    assert lines[0] == ["column", "value", "expected", "low", "high", "share"]
    shares = [float(row[-1]) for row in lines[2:]]
    assert all(first < second < 0 for first, second in zip(shares[::2], shares[1::2], strict=True))
    assert (tmp_path / "strangest.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_generation_draws_four_pictures_and_its_numbers_are_in_order(run, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
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


def test_tables_fills_holes_better_than_means_and_draws_wines_like_those_of_the_table(run):
    text = run("tables.py", "--max-iter", 20)
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
