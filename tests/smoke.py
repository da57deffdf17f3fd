"""What an installed package must do without any extra: ``python tests/smoke.py``, from anywhere but the repository."""

import pickle
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae
from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer


def main():
    """Fit, answer, store and load each estimator once."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    frame = X.assign(kind=pd.Categorical.from_codes(y, ["a", "b", "c"]))
    frame.loc[::9, "alcohol"] = float("nan")
    vae = VAETransformer(2, max_iter=10, random_state=0).fit(frame)
    assert vae.transform(frame).shape == (len(frame), 2)
    assert list(vae.sample(5, random_state=0).columns) == list(frame.columns)
    assert (pickle.loads(pickle.dumps(vae)).score_samples(frame) == vae.score_samples(frame)).all()
    pipeline = make_pipeline(AutoencoderTransformer(5, random_state=0), StandardScaler(), LogisticRegression())
    assert pipeline.fit(X, y).score(X, y) > 0.9
    detector = AutoencoderOutlierDetector(random_state=0).fit(frame)
    assert len(detector.explain(frame.iloc[:1])) > 0
    assert not AutoencoderImputer(vae).fit_transform(frame).isna().any().any()
    print(f"skvae {skvae.__version__} from {Path(skvae.__file__).parent}: works")


if __name__ == "__main__":
    main()
