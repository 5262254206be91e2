#!/usr/bin/env bash
# Submits the whole pipeline up to the dynamics model to Slurm: ./slurm.sh CONFIG SHARES
#
# Each job waits for the one before it. `genie-…` must be in PATH on every node, with the videos
# under the same path. The AWS_… variables of this shell are passed on. docs/cluster.md explains
# the sizes.
set -euo pipefail
config=${1:?name a config}
shares=${2:?name a number of shares}
before=

# submit NAME RESOURCES COMMAND: a job after the last one. It starts again if its node fails.
submit() {
    local name=$1 resources=$2 command=$3
    # shellcheck disable=SC2086 # the resources are several words
    before=$(sbatch --parsable --job-name="genie-$name" --requeue --kill-on-invalid-dep=yes \
        ${before:+--dependency=afterok:$before} $resources --wrap="$command")
    echo "genie-$name: $before"
}

# array NAME RESOURCES COMMAND: the shares of a step, numbered from 0.
array() {
    submit "$1" "--array=0-$((shares - 1)) $2" \
        "$3 --config=$config --index=\$SLURM_ARRAY_TASK_ID --of=$shares"
}

cpus="--cpus-per-task=8 --mem=16G --time=24:00:00"
gpu="--cpus-per-task=8 --mem=16G --gpus=1 --time=72:00:00"

array ingest "$cpus" "genie-ingest run"
# Code 2: done, and some videos were rejected.
submit ingest-finish "$cpus" "genie-ingest run --config=$config || [ \$? -eq 2 ]"
submit fit "$gpu" "genie-tokenize fit --config=$config"
array encode "$gpu" "genie-tokenize encode"
submit encode-finish "$gpu" "genie-tokenize encode --config=$config"
submit lam "$gpu" "genie-train lam --config=$config"
array label "$gpu" "genie-train label"
submit label-finish "$gpu" "genie-train label --config=$config"
submit dynamics "$gpu" "genie-train dynamics --config=$config"
