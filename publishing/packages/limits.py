"""The numbers that bound an inspection. Sizes in bytes, times in seconds."""

KIB, MIB, GIB = 2**10, 2**20, 2**30

CHUNK = 256 * KIB  # what is read at once
FILE_BYTES = 2 * GIB
VERSION_BYTES = 5 * GIB
VERSION_FILES = 200

ARCHIVE_MEMBERS = 2_000
ARCHIVE_DEPTH = 8
ARCHIVE_RATIO = 50
ARCHIVE_RATIO_FREE = 64 * MIB  # small archives may compress as well as they like
MEMBER_NAME_BYTES = 200

TEXT_BYTES = 8 * MIB
SCANNED_BYTES = 1 * MIB  # of each file, by the second reader
YAML_BYTES = 1 * MIB
YAML_DEPTH = 20

ONNX_BYTES = 512 * MIB  # a checker needs about three times the file in memory
ONNX_NODES = 200_000
ONNX_TENSORS = 50_000
ONNX_DEPTH = 16


COLUMNS = 32  # wider inputs without names stay one tensor until the publisher says what they are
EXAMPLE_ROWS = 10

CHILD_SECONDS = 60
CHILD_CPU_SECONDS = 45
CHILD_OPEN_FILES = 64
CHILD_MEMORY = 1 * GIB
CHILD_MEMORY_PER_BYTE = 5
CHILD_MEMORY_MOST = 4 * GIB
CHILD_REPLY_BYTES = 4 * MIB

PROBLEMS = 10  # told at once
TRIAL_ROWS = 3
TRIAL_FREE_SIZES = (4, 16, 64)  # tried in turn for free dimensions other than the batch
# Exporters write at least this one; above it, an older one is the first thing to try.
ONNX_OPSET_COMMON = 21
TRIAL_RESHAPES = 200
TRIAL_SMALL = 64  # elements; larger constants are weights, not shapes

RUN_SECONDS = 60  # of a trial: loading and some answers, on a machine that does other things too
RUN_CPU_SECONDS = 45

# Of the predictions for a benchmark's rows, of which there are at most 50 000.
PREDICT_SECONDS = 240
PREDICT_CPU_SECONDS = 180
PREDICT_REPLY_BYTES = 32 * MIB

# Of a table that is made CSV.
TABLE_SECONDS = 180
TABLE_CPU_SECONDS = 150
TABLE_BYTES = 512 * MIB

# Of all execution gates of a version together.
GATES_SECONDS = 120
GATES_CPU_SECONDS = 100
