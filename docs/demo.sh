#!/usr/bin/env bash
# The main job, end to end, on the entries' own example files: what `make demo` runs.
set -euo pipefail
out=${1:-demo-output}
peaks=model_zoo/peak_caller/h3k4me3
states=model_zoo/chromatin_states/encode-10
mkdir -p "$out"

run() { printf '\n$'; printf ' %q' "$@"; printf '\n'; "$@"; }

run epizoo list
run kipoi predict "$peaks" --source=dir \
  --dataloader_args="{\"intervals_file\": \"$peaks/example_files/regions.bed\", \"bigwig_file\": \"$peaks/example_files/coverage.bw\"}" \
  -o "$out/peaks.h5"
run kipoi predict "$states" --source=dir \
  --dataloader_args="{\"intervals_file\": \"$states/example_files/regions.bed\", \"binarized\": \"$states/example_files/binarized\"}" \
  -o "$out/states.h5"
run epizoo call-peaks peak_caller/h3k4me3 --bigwig "$peaks/example_files/coverage.bw" \
  --regions "$peaks/example_files/regions.bed" --probabilities "$out/peak_probabilities.bw" -o "$out/peaks.narrowPeak"
run epizoo annotate chromatin_states/encode-10 --binarized "$states/example_files/binarized" -o "$out/states.bed"

printf '\nWritten to %s:\n' "$out"
ls -l "$out"
