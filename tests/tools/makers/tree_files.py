"""Boosted trees."""

from registry import AMOUNT, ROWS, TABLE, THREE, TWO, WORDS, facts, maker


def through_onnxmltools(folder, fitted, convert):
    from onnxmltools.convert.common.data_types import FloatTensorType

    made = convert(fitted, initial_types=[("input", FloatTensorType([None, 4]))])
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return facts("model.onnx", {"input": ROWS})


def lgb(folder, kind, target):
    import lightgbm
    from onnxmltools import convert_lightgbm

    return through_onnxmltools(
        folder,
        getattr(lightgbm, kind)(n_estimators=6, verbose=-1).fit(TABLE, target),
        convert_lightgbm,
    )


@maker("lightgbm")
def lgb_classifier(folder):
    return lgb(folder, "LGBMClassifier", TWO)


@maker("lightgbm")
def lgb_three_classes(folder):
    return lgb(folder, "LGBMClassifier", THREE)


@maker("lightgbm")
def lgb_regressor(folder):
    return lgb(folder, "LGBMRegressor", AMOUNT)


def xgb(folder, kind, target):
    import xgboost
    from onnxmltools import convert_xgboost

    return through_onnxmltools(
        folder,
        getattr(xgboost, kind)(n_estimators=6, max_depth=3).fit(TABLE, target),
        convert_xgboost,
    )


@maker("xgboost")
def xgb_classifier(folder):
    return xgb(folder, "XGBClassifier", TWO)


@maker("xgboost")
def xgb_three_classes(folder):
    return xgb(folder, "XGBClassifier", THREE)


@maker("xgboost")
def xgb_regressor(folder):
    return xgb(folder, "XGBRegressor", AMOUNT)


def cat(folder, kind, target):
    import catboost

    fitted = getattr(catboost, kind)(
        iterations=6, depth=3, verbose=0, allow_writing_files=False
    ).fit(TABLE, target)
    fitted.save_model(str(folder / "model.onnx"), format="onnx")
    return facts("model.onnx", {"features": ROWS})


@maker("catboost")
def cat_classifier(folder):
    return cat(folder, "CatBoostClassifier", TWO)


@maker("catboost")
def cat_words(folder):
    return cat(folder, "CatBoostClassifier", WORDS)


@maker("catboost")
def cat_regressor(folder):
    return cat(folder, "CatBoostRegressor", AMOUNT)
