"""A service that scores rows: POST /score with rows as JSON, and get the score, the label and the reasons of each.

Requests that come while others are answered wait for each other and are scored in one call: a row's result does not
depend on the rows beside it, so that this changes nothing but the rate. It needs ``pip install 'skvae[service]'``. To
ask it::

    curl -H "Content-Type: application/json" -d '{"rows": [{"alcohol": 1.41, "hue": null}]}' localhost:8000/score
"""

import argparse
import asyncio
from contextlib import asynccontextmanager
from typing import Any

import joblib
import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sklearn.datasets import load_wine

from skvae import AutoencoderOutlierDetector

MOST_ROWS = 512
"""Rows that are scored in one call."""


def main(model=None, host="127.0.0.1", port=8000):
    """Serve a detector: one from a file, or one of wines."""
    detector = joblib.load(model) if model else AutoencoderOutlierDetector(random_state=0).fit(wines())
    uvicorn.run(service(detector), host=host, port=port, log_level="warning")


def wines():
    """The wine table with its cultivar as a text."""
    data = load_wine(as_frame=True)
    return data.data.assign(cultivar=np.array(["barolo", "grignolino", "barbera"])[data.target])


class Rows(BaseModel):
    """What a request brings: cells by the names of their columns; those that are left out or null are missing."""

    rows: list[dict[str, Any]]


def service(detector):
    """The application around a fitted detector."""
    batches = Batches(detector)

    @asynccontextmanager
    async def lifespan(app):
        answering = asyncio.create_task(batches.run())
        yield
        answering.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.get("/columns")
    async def columns():
        return list(detector.feature_names_in_)

    @app.post("/score")
    async def score(request: Rows):
        try:
            return await batches.answer(request.rows)
        except (ValueError, TypeError) as error:
            raise HTTPException(422, str(error)) from error

    return app


class Batches:
    """Has a detector judge all rows that wait, in one call after the other."""

    def __init__(self, detector):
        self.detector, self.waiting = detector, asyncio.Queue()

    async def answer(self, rows):
        """What is to be said of the rows of one request."""
        future = asyncio.get_running_loop().create_future()
        await self.waiting.put((rows, future))
        return await future

    async def run(self):
        """Answer for ever."""
        while True:
            batch = [await self.waiting.get()]
            while not self.waiting.empty() and sum(len(rows) for rows, _ in batch) < MOST_ROWS:
                batch.append(self.waiting.get_nowait())
            requests, futures = zip(*batch, strict=True)
            answers = await asyncio.to_thread(self.answers, requests)
            for future, answer in zip(futures, answers, strict=True):
                if future.cancelled():  # who asked has gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def answers(self, requests):
        """What is to be said of the rows of each request, or the error of a request that has a bad row."""
        try:
            judged = judge(self.detector, [row for rows in requests for row in rows])
        except Exception as error:
            return [error] if len(requests) == 1 else [self.answers([rows])[0] for rows in requests]
        ends = np.cumsum([len(rows) for rows in requests])
        return [judged[end - len(rows) : end] for rows, end in zip(requests, ends, strict=True)]


def judge(detector, rows):
    """Score, label and reasons of each row: what the detector says of a frame of them, as JSON has it."""
    if not rows:
        return []
    frame = frame_of(rows, detector.feature_names_in_)
    scores, reasons = detector.score_samples(frame), detector.explain(frame, n_columns=2)
    labels = np.where(scores < detector.offset_, -1, 1)  # as predict says
    cells = reasons[["column", "value", "expected", "share"]].astype(object)
    cells = cells.mask(cells.isna(), None).to_dict("records")
    return [
        {"score": score, "label": label, "reasons": cells[2 * i : 2 * i + 2]}
        for i, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True))
    ]


def frame_of(rows, names):
    """Rows as a frame with the columns of training, each of numbers or of whatever JSON has."""
    unknown = {name for row in rows for name in row} - set(names)
    if unknown:
        raise ValueError(f"There are no columns {sorted(unknown)}; known are {', '.join(names)}.")
    return pd.DataFrame({name: column_of([row.get(name) for row in rows]) for name in names})


def column_of(cells):
    """Cells as numbers if all that are there are some, so that a row's do not depend on those of other requests."""
    is_number = all(cell is None or type(cell) in (int, float) for cell in cells)
    return pd.Series(cells, dtype=float if is_number else object)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", metavar="FILE", help="a fitted detector that joblib has written")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    main(**vars(parser.parse_args()))
