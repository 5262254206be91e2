"""The Python contenders of `make bench-ingest`. Each does the work of genie-ingest.

Each contender uses the fastest way that its documentation shows.

    peers.py CONTENDER WORKERS

The process starts once and stays. Imports and the pool of processes are ready before the
measurement, as in a training job that has been running for a while. Then it reads one request per
line from stdin and writes one answer per line to stdout, both JSON:

    {"sample": [path, ...], "out": directory or null}       -> {"frames": [count, ...]}
    {"windows": [[path, seconds], ...], "out": file or null} -> {"frames": [count, ...]}

The job: the frames on the screen every tenth of a second from the first one, 160x90, RGB, 8 bits.
If `out` is null, the output goes to /dev/null.
"""

import json
import math
import multiprocessing
import os
import sys
from fractions import Fraction

FPS = 10
WIDTH, HEIGHT = 160, 90
WINDOW = 16
# Tolerance for time stamps, which are floats. It is far below a frame's duration and far above the
# rounding errors.
EPSILON = 1e-4


def decoder(path, transforms=(), order="NHWC"):
    """Opens a file without scanning it whole.

    This is faster, and constant frame rates do not need the scan.
    """
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(
        path,
        num_ffmpeg_threads=1,
        seek_mode="approximate",
        dimension_order=order,
        transforms=list(transforms),
    )


def ticks(metadata):
    begin, end = metadata.begin_stream_seconds, metadata.end_stream_seconds
    count = math.ceil((end - begin) * FPS - EPSILON)
    return [begin + tick / FPS + EPSILON for tick in range(count)]


def resize():
    from torchcodec.transforms import Resize

    return Resize((HEIGHT, WIDTH))


def torchcodec_resize(path):
    """Samples a file; torchcodec scales (bilinear), so it returns only small frames."""
    opened = decoder(path, [resize()])
    frames = opened.get_frames_played_at(ticks(opened.metadata)).data
    return len(frames), [frames.numpy()]


def torchcodec_area(path):
    """Samples a file; PyTorch scales by area averaging, in batches that fit the CPU cache."""
    import torch

    opened = decoder(path, order="NCHW")
    times, done = ticks(opened.metadata), []
    for first in range(0, len(times), 8):
        frames = opened.get_frames_played_at(times[first : first + 8]).data
        small = torch.nn.functional.interpolate(frames.float(), size=(HEIGHT, WIDTH), mode="area")
        done.append(small.round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())
    return len(times), done


def pyav(path):
    """Samples a file; decodes every frame and converts only the sampled ones."""
    import av
    from av.video.reformatter import Interpolation, VideoReformatter

    # swscale's flags for area averaging, accurate rounding and full chroma. By default PyAV scales
    # without accurate chroma.
    kernel = 0x20 | 0x40000 | 0x2000
    if hasattr(Interpolation, "_get"):
        # PyAV before 14 wants an enum, which lacks the last two flags.
        kernel = Interpolation._get(kernel, True)
    reformatter, done = VideoReformatter(), []
    # New versions scale with several threads by default, which parallel files do not need.
    # The signature is only in the documentation.
    options = {"threads": 1} if "threads" in (reformatter.reformat.__doc__ or "") else {}

    def show(frame, count):
        if count > 0:
            small = reformatter.reformat(
                frame, WIDTH, HEIGHT, "rgb24", interpolation=kernel, **options
            )
            done.extend([small.to_ndarray()] * count)

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        scale, start, held, shown = stream.time_base * FPS, None, None, 0
        for frame in container.decode(stream):
            if start is None:
                start = frame.pts
            tick = math.ceil((frame.pts - start) * scale)
            show(held, tick - shown)
            shown, held = max(shown, tick), frame
        nominal = Fraction(1) / (stream.average_rate * stream.time_base)
        # PyAV before 14 has no duration.
        end = held.pts + (getattr(held, "duration", None) or nominal)
        show(held, math.ceil((end - start) * scale) - shown)
    return len(done), done


def put_away(arrays, path):
    with open(path or os.devnull, "wb") as file:
        for array in arrays:
            file.write(array.data)


def sample(job):
    contender, path, out = job
    frames, arrays = CONTENDERS[contender](path)
    put_away(arrays, out and os.path.join(out, os.path.basename(path) + ".rgb"))
    return frames


def windows(wanted, out):
    """Reads windows by seeking in the source files. Opens each file once."""
    opened, done = {}, []
    for path, seconds in wanted:
        if path not in opened:
            opened[path] = decoder(path, [resize()])
        times = [seconds + tick / FPS + EPSILON for tick in range(WINDOW)]
        frames = opened[path].get_frames_played_at(times)
        done.append(frames.data.numpy())
    put_away(done, out)
    return [len(frames) for frames in done]


def versions(contender):
    if contender == "pyav":
        import av

        library = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"PyAV {av.__version__} (libavcodec {library})"
    import torch
    import torchcodec

    return f"torchcodec {torchcodec.__version__}, torch {torch.__version__}"


def warm(contender):
    if contender != "pyav":
        import torch

        torch.set_num_threads(1)
    versions(contender)


CONTENDERS = {
    "torchcodec-resize": torchcodec_resize,
    "torchcodec-area": torchcodec_area,
    "pyav": pyav,
}


def main():
    contender, workers = sys.argv[1], int(sys.argv[2])
    warm(contender)
    # Spawn, because PyTorch warns against forking a process with threads.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, warm, [contender]) as pool:
        # Give every worker time to finish its imports.
        pool.map(warm, [contender] * workers * 4, chunksize=1)
        print(json.dumps({"versions": versions(contender)}), flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            if "sample" in request:
                jobs = [(contender, path, request["out"]) for path in request["sample"]]
                frames = pool.map(sample, jobs, chunksize=1)
            else:
                frames = windows(request["windows"], request["out"])
            print(json.dumps({"frames": frames}), flush=True)


if __name__ == "__main__":
    main()
