"""What a data scientist does with MLflow, run with the interpreter of the environment "mlflow3" against a real tracking server.

python mlflow3_client.py train TRACKING_URL FOLDER     a run with figures, what it says for the marketplace, an ONNX model, registered
python mlflow3_client.py webhook TRACKING_URL EVENT URL SECRET
python mlflow3_client.py alias TRACKING_URL NAME VERSION ALIAS
python mlflow3_client.py tag TRACKING_URL NAME VERSION KEY VALUE
"""

import json
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient

NAME = "income-check"


def train(folder):
    """FOLDER has model.onnx, entry.json, publication.json and README.md."""
    import onnx

    mlflow.set_experiment("lending")
    with mlflow.start_run(run_name="income-3"):
        mlflow.log_metrics({"roc_auc": 0.74, "mae": 212.5})
        mlflow.log_param("trees", 200)
        for name in ("entry.json", "publication.json", "README.md"):
            if (folder / name).exists():
                mlflow.log_artifact(str(folder / name), "marketplace")
        made = mlflow.onnx.log_model(
            onnx.load(folder / "model.onnx"),
            name="model",
            registered_model_name=NAME,
            pip_requirements=["onnx"],
        )
    print(json.dumps({"version": made.registered_model_version}))


def main(act, tracking_url, *words):
    mlflow.set_tracking_uri(tracking_url)
    client = MlflowClient(tracking_url)
    if act == "train":
        train(Path(words[0]))
    elif act == "webhook":
        event, url, secret = words
        made = client.create_webhook(name="marketplace", url=url, events=[event], secret=secret)
        print(json.dumps({"webhook": made.webhook_id}))
    elif act == "alias":
        name, version, alias = words
        client.set_registered_model_alias(name, alias, version)
    elif act == "tag":
        client.set_model_version_tag(*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
