#!/usr/bin/env bash
# Runs the whole pipeline up to the dynamics model on Kubernetes: ./kubernetes.sh NAMESPACE
#
# Each job waits for the one before it. A run that was stopped can be started again: jobs that have
# completed are not repeated. docs/cluster.md explains what must exist before.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kubectl=(kubectl --namespace "${1:?name a namespace}")
jobs=(ingest ingest-finish fit encode encode-finish lam label label-finish dynamics)

"${kubectl[@]}" create configmap genie --from-file="genie.toml=$here/genie.toml" \
    --dry-run=client --output=yaml | "${kubectl[@]}" apply --filename=-
for file in ingest models encode label; do
    # Jobs that exist stay as they are; kubectl says so.
    "${kubectl[@]}" create --filename="$here/$file.yaml" || true
done

# ended JOB: waits until the job has completed; fails if it has failed.
ended() {
    local conditions='{.status.conditions[?(@.status=="True")].type}'
    while true; do
        case " $("${kubectl[@]}" get job "$1" --output=jsonpath="$conditions") " in
            *" Complete "*) return 0 ;;
            *" Failed "*)
                echo "$1 failed: see kubectl logs job/$1; delete the job, and start again" >&2
                return 1
                ;;
        esac
        sleep 10
    done
}

for job in "${jobs[@]}"; do
    "${kubectl[@]}" patch job "genie-$job" --type=merge --patch='{"spec":{"suspend":false}}'
    ended "genie-$job"
done
