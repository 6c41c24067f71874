"""Code that calls one version, to be copied: it runs as it stands, with nothing but the language installed."""

import json
import shlex
from dataclasses import dataclass
from textwrap import indent
from urllib.parse import urlsplit

NUMPY = {
    "BOOL": "bool_",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object_",
}


@dataclass(frozen=True)
class Snippet:
    """One way to call. `language` is for highlighting, `filename` for saving, `needs` for the reader."""

    id: str
    label: str
    language: str
    filename: str
    needs: str
    text: str


def snippets(contract):
    """The ways to call this version, the simplest first."""
    return [
        Snippet("curl", "curl", "bash", "call.sh", "curl 7.76 or later", curl(contract)),
        Snippet(
            "python",
            "Python",
            "python",
            "call.py",
            "Python 3.9 or later, nothing else",
            python(contract),
        ),
        Snippet(
            "pandas",
            "Python (pandas)",
            "python",
            "call_pandas.py",
            "pip install pandas",
            pandas(contract),
        ),
        Snippet(
            "tritonclient",
            "Python (tritonclient)",
            "python",
            "call_triton.py",
            "pip install tritonclient[http]",
            tritonclient(contract),
        ),
        Snippet(
            "javascript",
            "JavaScript",
            "javascript",
            "call.mjs",
            "Node 18 or later",
            javascript(contract),
        ),
        Snippet(
            "java", "Java", "java", "Call.java", "Java 11 or later: java Call.java", java(contract)
        ),
    ]


def curl(contract):
    return f"""\
curl --silent --show-error --fail-with-body {shlex.quote(contract.infer_url)} \\
  --header {shlex.quote(f"Authorization: Bearer {contract.shown_key}")} \\
  --header 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
{contract.body()}
JSON
"""


def python(contract):
    return f"""\
import json
import urllib.error
import urllib.request

URL = {contract.infer_url!r}
KEY = {contract.shown_key!r}
BODY = {{
    "inputs": [
{indent(_python_tensors(contract), " " * 8)}
    ]
}}

request = urllib.request.Request(
    URL,
    data=json.dumps(BODY).encode(),
    headers={{"Authorization": f"Bearer {{KEY}}", "Content-Type": "application/json"}},
)
try:
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    raise SystemExit(f"{{error.code}}: {{json.load(error).get('detail')}}")

for output in answer["outputs"]:
    print(output["name"], output["data"])
"""


def pandas(contract):
    return f"""\
import json
import urllib.error
import urllib.request

import pandas as pd

URL = {contract.infer_url!r}
KEY = {contract.shown_key!r}
frame = pd.DataFrame(
    {{
{indent(_pandas_columns(contract), " " * 8)}
    }}
)

body = {{"dataframe_split": json.loads(frame.to_json(orient="split", date_format="iso", double_precision=15))}}
request = urllib.request.Request(
    URL,
    data=json.dumps(body).encode(),
    headers={{"Authorization": f"Bearer {{KEY}}", "Content-Type": "application/json"}},
)
try:
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    raise SystemExit(f"{{error.code}}: {{json.load(error).get('detail')}}")

result = pd.DataFrame(answer["predictions"], index=frame.index)
print(result)
"""


def tritonclient(contract):
    address = urlsplit(contract.base_url)
    return f"""\
import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient({address.netloc + address.path!r}, ssl={address.scheme == "https"})
inputs = []
for name, datatype, shape, values in [
{indent(_triton_rows(contract), " " * 4)}
]:
    tensor = triton.InferInput(name, shape, datatype)
    tensor.set_data_from_numpy(values.reshape(shape))
    inputs.append(tensor)

result = client.infer(
    {contract.model!r},
    inputs,
    headers={{"Authorization": {f"Bearer {contract.shown_key}"!r}}},
)
for output in {[field["name"] for field in contract.signature["outputs"]]!r}:
    print(output, result.as_numpy(output))
"""


def javascript(contract):
    return f"""\
const url = {json.dumps(contract.infer_url)};
const key = {json.dumps(contract.shown_key)};
const body = {contract.body()};

const response = await fetch(url, {{
  method: "POST",
  headers: {{ Authorization: `Bearer ${{key}}`, "Content-Type": "application/json" }},
  body: JSON.stringify(body),
  signal: AbortSignal.timeout(30_000),
}});
const answer = await response.json();
if (!response.ok) throw new Error(`${{response.status}}: ${{answer.detail}}`);
for (const output of answer.outputs) console.log(output.name, output.data);
"""


def java(contract):
    lines = " +\n".join(
        f"{' ' * 8}{json.dumps(line + chr(10))}" for line in contract.body().splitlines()
    )
    return f"""\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public class Call {{
    static final String URL = {json.dumps(contract.infer_url)};
    static final String KEY = {json.dumps(contract.shown_key)};
    static final String BODY =
{lines};

    public static void main(String[] arguments) throws Exception {{
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL))
            .header("Authorization", "Bearer " + KEY)
            .header("Content-Type", "application/json")
            .timeout(Duration.ofSeconds(30))
            .POST(HttpRequest.BodyPublishers.ofString(BODY))
            .build();
        HttpResponse<String> response =
            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.body());
        if (response.statusCode() != 200) System.exit(1);
    }}
}}
"""


def _python_tensors(contract):
    return "\n".join(f"{tensor!r}," for tensor in contract.example["inputs"])


def _pandas_columns(contract):
    """One line for each column of the frame; a cell of a tensor holds its row, nested."""
    return "\n".join(
        f"{tensor['name']!r}: {_by_rows(tensor)!r}," for tensor in contract.example["inputs"]
    )


def _by_rows(tensor):
    """The tensor's values as one entry for each row: a value, or nested lists where a row has several."""
    values, (_rows, *sizes) = list(_flattened(tensor["data"])), tensor["shape"]
    for size in reversed([] if sizes == [1] else sizes):
        values = [values[at : at + size] for at in range(0, len(values), size)]
    return values


def _triton_rows(contract):
    """Inputs whose example has a gap are left out, unless NaN can stand for it: binary tensors have no null."""
    rows = []
    for tensor in contract.example["inputs"]:
        values = _numpy_values(tensor)
        if values is not None:
            rows.append(
                f"({tensor['name']!r}, {tensor['datatype']!r}, {tensor['shape']!r}, {values}),"
            )
    return "\n".join(rows)


def _numpy_values(tensor):
    """Python code for the tensor's values as a numpy array, or None."""
    datatype = tensor["datatype"]
    text = repr(tensor["data"])
    if None in _flattened(tensor["data"]):
        if datatype not in ("FP16", "FP32", "FP64"):
            return None
        text = text.replace("None", "np.nan")
    return f"np.array({text}, dtype=np.{NUMPY.get(datatype, datatype.lower())})"


def _flattened(data):
    for item in data:
        if isinstance(item, list):
            yield from _flattened(item)
        else:
            yield item
