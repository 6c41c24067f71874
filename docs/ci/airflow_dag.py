"""After training, a DAG publishes the version that the MLflow registry holds. Variables: marketplace_url, marketplace_token, search_record, model.

The worker reaches the tracking server at MLFLOW_TRACKING_URI; `registered` is what the training task returns, such as models:/income-check/3.
"""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ENVIRONMENT = {
    "MARKETPLACE_URL": "{{ var.value.marketplace_url }}",
    "MARKETPLACE_TOKEN": "{{ var.value.marketplace_token }}",
    "SEARCH_RECORD": "{{ var.value.search_record }}",
    "MODEL": "{{ var.value.model }}",
    "VERSION": "{{ params.version }}",
    "REGISTERED": "{{ params.registered }}",
}

with DAG("publish_model", schedule=None, params={"version": "1.0.0", "registered": ""}):
    install = BashOperator(
        task_id="install",
        env=ENVIRONMENT,
        append_env=True,
        bash_command='pip install "$MARKETPLACE_URL/downloads/marketplace_client-1.0.0-py3-none-any.whl"',
    )
    may_be_built = BashOperator(
        task_id="may_be_built",
        env=ENVIRONMENT,
        append_env=True,
        bash_command='marketplace check-reuse "$SEARCH_RECORD"',
    )
    publish = BashOperator(
        task_id="publish",
        env=ENVIRONMENT,
        append_env=True,
        bash_command=(
            'cd "${WORKSPACE:-/opt/airflow/model}" && '
            'marketplace publish "$MODEL" "$VERSION" "${REGISTERED:-./model}" '
            "--entry entry.json --publication publication.json --card README.md --json > published.json && "
            'marketplace status "$MODEL" "$VERSION"'
        ),
    )
    install >> may_be_built >> publish
