#!/usr/bin/env bash
# The main job, end to end, on the entries' own example files: what `make demo` runs.
set -euo pipefail
out=${1:-demo-output}
signal=model_zoo/peak_caller/h3k4me3/example_files
marks=model_zoo/chromatin_states/encode-10/example_files
mkdir -p "$out"

# Kipoi imports pkg_resources, whose warning would stand between the lines below.
export PYTHONWARNINGS="ignore:pkg_resources is deprecated"

step() { printf '\n# %s\n' "$1"; }
run() {
  printf '$'
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./:=,-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
  done
  printf '\n'
  "$@"
}

step "What the zoo holds"
run epizoo list

step "Kipoi, unmodified: peak probabilities of H3K4me3 coverage, the posteriors of states of nine marks"
run kipoi predict . --source=dir \
  --dataloader_args="{\"intervals_file\": \"$signal/intervals.bed\", \"bigwig_file\": \"$signal/H3K4me3.bw\"}" \
  -m -o "$out/peak_predictions.h5"
run kipoi predict model_zoo/chromatin_states/encode-10 --source=dir \
  --dataloader_args="{\"intervals_file\": \"$marks/regions.bed\", \"binarized\": \"$marks/marks\"}" \
  -m -o "$out/state_predictions.h5"

step "Peaks of that bigWig and states of these marks, for a genome browser"
run epizoo call-peaks peak_caller/h3k4me3 --bigwig "$signal/H3K4me3.bw" --regions "$signal/intervals.bed" \
  --probabilities "$out/peak_probabilities.bw" -o "$out/peaks.narrowPeak"
run epizoo annotate chromatin_states/encode-10 --binarized "$marks/marks" -o "$out/states.bed"

step "Pictures"
run epizoo plot --region chr17:8,060,000-8,142,000 --bigwig "H3K4me3=$signal/H3K4me3.bw" \
  --probabilities "$out/peak_probabilities.bw" --peaks "$out/peaks.narrowPeak" -o "$out/peaks.png"
run epizoo plot --region chr19:1-400,000 --binarized "$marks/marks" --states "$out/states.bed" -o "$out/states.png"

step "Written to $out"
ls -l "$out" | tail -n +2
