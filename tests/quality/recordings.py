#!/usr/bin/env python3
"""Measures the learned filter on recordings whose class is known from how they were made.

    recordings.py VIDEOS OUT BINARIES [--labels 200] [--seed 1] [--leave-out GAME]

VIDEOS has folders of recordings of games, and of menus and other unwanted videos (`GAMES` and
`UNWANTED` below). ffmpeg cuts them into short files. Every second file is good play. From the
others it makes split screens, plays between blurred bars, plays with a face camera and a banner,
and plays in reverse. The name of a file says what it is.

The files are ingested without a filter. Some sources are labelled, all others are the test. The
script prints JSON: the measurement that `genie-train quality fit` makes on its own held-out
sources, and the area under the curve on all sources without labels, for each kind of bad clip. It
compares the precision with that of the default of `ingest.keep`, at the same recall.

`--leave-out GAME` labels no file with play of this game, and tests on its files alone.
"""

import argparse
import csv
import hashlib
import json
import pathlib
import subprocess

# Recordings of play, by game: pattern, seconds of a piece (0: the whole), and the most pieces.
GAMES = {
    "supertux": ("supertux/*.mp4", 9, 25),
    "alex4": ("alex4/*.mp4", 9, 18),
    "coinrun": ("coinrun-train/*.mp4", 0, 60),
    "coinrunsmall": ("coinrun-small/*.mp4", 0, 30),
    "coinrunsticky": ("coinrun-sticky/*.mp4", 0, 40),
}
# Videos that are no play.
UNWANTED = [
    "supertux/negatives/*.mp4",
    "alex4/negatives/*.mp4",
    "odd/testsrc2.mp4",
    "odd/mandelbrot_zoom.mp4",
    "odd/menu_supertux.mp4",
]
KINDS = ["split", "bars", "overlay", "reversed"]
SIZE = "scale=320:180,setsar=1"
CONFIG = """
[data]
root = "root"
videos = ["videos"]
[ingest]
clip_seconds = 4.0
near_duplicates = false
keep = ""
"""


def ffmpeg(inputs, graph, out):
    """Runs a filter graph, and writes 15 frames per second without sound."""
    command = ["ffmpeg", "-v", "error", "-y"]
    for path, begin, seconds in inputs:
        command += ["-ss", str(begin)] + (["-t", str(seconds)] if seconds else [])
        command += ["-i", str(path)]
    command += ["-filter_complex", graph + ",fps=15", "-an", "-c:v", "libx264", "-preset"]
    command += ["veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-threads", "1", str(out)]
    subprocess.run(command, check=True)


def graph(kind):
    """The filter graph of a kind of video. Input 1 is another piece of the same game."""
    blurred = "scale=320:180,boxblur=12:2,setsar=1"
    narrow = "crop=ih*0.8:ih,scale=144:180,setsar=1"
    return {
        "good": f"[0:v]{SIZE}",
        "reversed": f"[0:v]{SIZE},reverse",
        "split": "[0:v]scale=160:180,setsar=1[a];[1:v]scale=160:180,setsar=1[b];[a][b]hstack",
        "bars": f"[0:v]split[x][y];[x]{blurred}[a];[y]{narrow}[b];[a][b]overlay=88:0",
        "overlay": f"[0:v]{SIZE},drawbox=0:150:320:30:white:fill[a];"
        "[1:v]scale=96:54,hue=h=90,setsar=1[b];[a][b]overlay=216:8:shortest=1",
    }[kind]


def pieces(videos, game):
    """The pieces of a game: file, first second, seconds."""
    pattern, seconds, most = GAMES[game]
    found = []
    for path in sorted(videos.glob(pattern)):
        show = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
        length = float(subprocess.check_output([*show, str(path)], text=True))
        if not seconds:
            if length > 6:
                found.append((path, 0, 0))
            continue
        found += [(path, at * seconds, seconds) for at in range(int(length // seconds))]
    return found[:most]


def make(videos, out):
    """Writes the files, each named CLASS-KIND-GAME-NUMBER.mp4."""
    out.mkdir(parents=True, exist_ok=True)
    for game in GAMES:
        found = pieces(videos, game)
        for number, piece in enumerate(found):
            kind = "good" if number % 2 == 0 else KINDS[number // 2 % len(KINDS)]
            other = found[(number + 2) % len(found)]
            inputs = [piece, other] if kind in ("split", "overlay") else [piece]
            name = f"{'good' if kind == 'good' else 'bad'}-{kind}-{game}-{number:03}.mp4"
            if not (out / name).exists():
                ffmpeg(inputs, graph(kind), out / name)
    number = 0
    for pattern in UNWANTED:
        for path in sorted(videos.glob(pattern)):
            name = f"bad-menu-none-{number:03}.mp4"
            if not (out / name).exists():
                ffmpeg([(path, 0, 0)], graph("good"), out / name)
            number += 1


def area(scored):
    """The share of pairs of a good and a bad clip in the right order."""
    ranked = sorted(scored)
    good = sum(is_good for _, is_good in ranked)
    bad = len(ranked) - good
    if not good or not bad:
        return None
    below = wins = at = 0
    while at < len(ranked):
        ties = [is_good for quality, is_good in ranked[at:] if quality == ranked[at][0]]
        wins += sum(ties) * (below + (len(ties) - sum(ties)) / 2)
        below += len(ties) - sum(ties)
        at += len(ties)
    return wins / (good * bad)


def precision(rows):
    """Share of kept clips that are good, and share of good clips that are kept."""
    kept = [is_good for keep, is_good in rows if keep]
    good = sum(is_good for _, is_good in rows)
    return (sum(kept) / len(kept) if kept else None, sum(kept) / good if good else None)


def at_recall(scored, recall):
    """The precision of the highest threshold with at least this recall, and the threshold."""
    for threshold in sorted({quality for quality, _ in scored}, reverse=True):
        found = precision([(quality >= threshold, is_good) for quality, is_good in scored])
        if found[1] >= recall:
            return {"threshold": threshold, "precision": found[0], "recall": found[1]}
    return None


def arguments(description):
    """A parser with the arguments that all measurements of the filter have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("videos", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[])
    return parser


def run(args, binary, *words, accepts=(0,)):
    """Runs a binary in the folder of the output, and returns its stdout."""
    command = [str((args.binaries / binary).resolve()), *words]
    command += [word for value in args.set for word in ("--set", value)]
    ended = subprocess.run(command, cwd=args.out, stdout=subprocess.PIPE, text=True)
    if ended.returncode not in accepts:
        raise SystemExit(f"{command} ended with {ended.returncode}")
    return ended.stdout


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--leave-out", default="")
    args = parser.parse_args()
    make(args.videos, args.out / "videos")
    (args.out / "config.toml").write_text(CONFIG)

    def stage(name, *words, accepts=(0,)):
        return run(args, f"genie-{name}", *words, "--config", "config.toml", accepts=accepts)

    def sql(query):
        return json.loads(stage("ingest", "sql", "--format", "json", query))

    stage("ingest", "run", accepts=(0, 2))
    default = subprocess.run(
        [str((args.binaries / "genie-ingest").resolve()), "config"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    keep = next(line.split("=", 1)[1].strip() for line in default.splitlines()
                if line.startswith("keep = "))
    keep = json.loads(keep)
    clips = sql(f"select clip_id, source_path, coalesce({keep}, false) as keeps from clips "
                "where kept order by source_path, clip_id")
    for clip in clips:
        name = pathlib.Path(clip["source_path"]).stem
        clip["class"], clip["kind"], clip["game"], _ = name.split("-")

    def order(clip):
        return hashlib.sha256(f"{args.seed} {clip['source_path']}".encode()).hexdigest()

    labelled = []
    for word in ("good", "bad"):
        of_class = [clip for clip in sorted(clips, key=order)
                    if clip["class"] == word
                    and not (args.leave_out and clip["game"].startswith(args.leave_out))]
        chosen = []
        for clip in of_class:
            # People see many sources, and few clips of each.
            of_source = sum(one["source_path"] == clip["source_path"] for one in chosen)
            if of_source < args.each and len(chosen) < args.labels // 2:
                chosen.append(clip)
        labelled += chosen
    with open(args.out / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["clip_id", "label"])
        rows.writerows([clip["clip_id"], clip["class"]] for clip in labelled)
    stage("ingest", "labels", "import", "labels.csv", "--who", "script")
    report = json.loads(stage("train", "quality", "fit", "--json"))
    key = stage("train", "quality", "score").strip()
    quality = {row["clip_id"]: row["quality"]
               for row in sql(f"select clip_id, quality from quality where model = '{key}'")}

    used = {clip["source_path"] for clip in labelled}
    test = [clip for clip in clips if clip["source_path"] not in used]
    if args.leave_out:
        test = [clip for clip in test if clip["game"].startswith(args.leave_out)]
    scored = [(quality[clip["clip_id"]], clip["class"] == "good") for clip in test]
    found, recall = precision([(clip["keeps"], clip["class"] == "good") for clip in test])
    kinds = {}
    for kind in [*KINDS, "menu"]:
        of_kind = [(quality[clip["clip_id"]], clip["class"] == "good") for clip in test
                   if clip["kind"] in ("good", kind)]
        kinds[kind] = {"clips": sum(not is_good for _, is_good in of_kind), "auc": area(of_kind)}
    result = {
        "labels": {"clips": len(labelled), "sources": len(used)},
        "fit": {name: report[name] for name in ("trained_on", "held_out", "auc")},
        "test": {
            "good": sum(is_good for _, is_good in scored),
            "bad": sum(not is_good for _, is_good in scored),
            "sources": len({clip["source_path"] for clip in test}),
            "auc": area(scored),
            "kinds": kinds,
            "default_keep": {"precision": found, "recall": recall},
            "same_recall": at_recall(scored, recall),
        },
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
