"""Networks as scikit-learn's estimators: to be cloned, searched over, put into pipelines."""

# Begin with `estimators.py`: what scikit-learn asks for. `outputs.py` makes the model of an estimator: its network, its
# loss, what it predicts with. All else is that of `sg.Model`.

from symgrad.estimators.estimators import NetClassifier as NetClassifier
from symgrad.estimators.estimators import NetRegressor as NetRegressor
from symgrad.language.habits import ESTIMATORS, hints

__getattr__ = hints(__name__, ESTIMATORS)
