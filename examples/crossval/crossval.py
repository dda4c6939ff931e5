"""How well does a support vector machine tell benign from malignant tumours, by cross-validation?

The data are those that scikit-learn carries: 569 tumours, 30 measures each. They are loaded once an interpreter.
"""
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

X, Y = load_breast_cancer(return_X_y=True)


def score(C, gamma, seed):
    """The accuracy over five folds; `seed` shuffles, so that each repetition folds in another way."""
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), SVC(C=C, gamma=gamma))
    accuracy = cross_val_score(model, X, Y, cv=folds)
    return {"accuracy": accuracy.mean(), "worst": accuracy.min()}
