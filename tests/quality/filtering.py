#!/usr/bin/env python3
"""Trains the same models on all clips and on those that the learned filter keeps.

    filtering.py VIDEOS OUT BINARIES [--seed 1] [--threshold 0.5] [--set KEY=VALUE ...]

The clips are those of recordings.py: good plays, and as many split screens, blurred bars, face
cameras, reversed plays and menus. Bad videos that are held out are left out of the dataset, so the
reports measure good plays alone. 200 clips of other sources are labelled, and `quality fit` trains
on them.

Three pipelines follow, with the same numbers of training steps: on all clips; on those with a
quality above the threshold; and on those that are good by their names, which is the best that a
filter could do. Each measures the same held-out windows. The script prints JSON with the number
of clips and the key of the report of each. `genie-evaluate compare` compares two reports window by
window. It takes ten minutes on two quiet cores.
"""

import csv
import hashlib
import json
import pathlib

import recordings

CONFIG = """
extends = "{demo}"
[data]
root = "{root}"
videos = ["{videos}"]
held_out = 0.2
[ingest]
width = 48
height = 32
clip_seconds = 4.0
near_duplicates = false
keep = ""
[tokenizer]
quantizer.levels = [8, 5, 5, 5]
train.steps = 250
[lam]
train.steps = 500
[dynamics]
train.steps = 1500
[evaluate]
windows = 200
objects = []
long = 0
ceiling_steps = 0
"""


def main():
    parser = recordings.arguments(__doc__.splitlines()[0])
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    demo = pathlib.Path(__file__).resolve().parents[2] / "pipelines/demo.toml"
    videos = args.out / "videos"
    recordings.make(args.videos, videos)

    def write(name, root):
        text = CONFIG.format(demo=demo, root=root, videos=videos.name)
        (args.out / name).write_text(text)

    def run(binary, *words, config="config.toml", accepts=(0,)):
        named = [config] if binary == "genie" else ["--config", config]
        return recordings.run(args, binary, *words, *named, accepts=accepts)

    def sql(query, **where):
        return json.loads(run("genie-ingest", "sql", "--format", "json", query, **where))

    # A source's split follows from its content, so a first dataset knows the second one's.
    write("all.toml", "all")
    run("genie-ingest", "run", config="all.toml", accepts=(0, 2))
    for row in sql("select distinct source_path, split from clips", config="all.toml"):
        path = pathlib.Path(row["source_path"])
        if row["split"] == "held_out" and path.name.startswith("bad-"):
            (videos / path.name).unlink(missing_ok=True)
    write("config.toml", "root")
    run("genie-ingest", "run", accepts=(0, 2))
    clips = sql("select clip_id, source_path from clips where kept and split = 'train' "
                "order by source_path, clip_id")
    for clip in clips:
        clip["class"] = pathlib.Path(clip["source_path"]).name.split("-")[0]
        clip["order"] = hashlib.sha256(f"{args.seed} {clip['clip_id']}".encode()).hexdigest()
    with open(args.out / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["clip_id", "label"])
        for word in ("good", "bad"):
            of_class = sorted((c for c in clips if c["class"] == word), key=lambda c: c["order"])
            rows.writerows([clip["clip_id"], word] for clip in of_class[:100])
    run("genie-ingest", "labels", "import", "labels.csv", "--who", "script")
    fit = json.loads(run("genie-train", "quality", "fit", "--json"))
    key = run("genie-train", "quality", "score").strip()
    quality = ("--set", f"ingest.quality={key}")
    run("genie-ingest", "run", *quality, accepts=(0, 2))
    results = {"auc": fit["auc"]}
    choices = {
        "all": "",
        "filtered": f"quality > {args.threshold}",
        "good": "source_path like '%/good-%'",
    }
    for name, where in choices.items():
        counts = sql("select count(*) as clips, sum(case when source_path like '%/good-%' then 1 "
                     "else 0 end) as good from clips where kept and split = 'train'"
                     + (f" and ({where})" if where else ""))
        known = set((args.out / "root/reports").glob("*/report.json"))
        run("genie", "run", *quality, "--set", f"data.where={where}", accepts=(0, 2))
        new = set((args.out / "root/reports").glob("*/report.json")) - known
        results[name] = {"clips": counts[0], "report": [path.parent.name for path in new]}
        print(json.dumps(results, indent=2), flush=True)


if __name__ == "__main__":
    main()
