"""The Python contenders of `make bench-ingest`: each does what genie-ingest does, in the best way its documentation shows.

    peers.py CONTENDER WORKERS

Started once and kept: imports and the pool of processes are ready before any clock starts, as they are in a training
job that has been running for a while. Then one request a line on stdin, one answer a line on stdout, both JSON:

    {"sample": [path, ...], "out": directory or null}       -> {"frames": [count, ...]}
    {"windows": [[path, seconds], ...], "out": file or null} -> {"frames": [count, ...]}

The job: the frames on the screen every tenth of a second, counted from the first one, 160x90, RGB, 8 bits. `out` null is /dev/null.
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
# Time stamps come as floats; this is far below any frame's duration and far above their rounding.
EPSILON = 1e-4


def decoder(path, transforms=(), order="NHWC"):
    """Opened without a scan of the whole file, which constant frame rates do not need: it is the faster way."""
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(
        path, num_ffmpeg_threads=1, seek_mode="approximate", dimension_order=order, transforms=list(transforms)
    )


def ticks(metadata):
    begin, end = metadata.begin_stream_seconds, metadata.end_stream_seconds
    count = math.ceil((end - begin) * FPS - EPSILON)
    return [begin + tick / FPS + EPSILON for tick in range(count)]


def resize():
    from torchcodec.transforms import Resize

    return Resize((HEIGHT, WIDTH))


def torchcodec_resize(path):
    """Scaled by torchcodec itself (bilinear): only small frames leave it."""
    opened = decoder(path, [resize()])
    frames = opened.get_frames_played_at(ticks(opened.metadata)).data
    return len(frames), [frames.numpy()]


def torchcodec_area(path):
    """Scaled by PyTorch, with area averaging as the others; a few frames at a time, which stay in the cache."""
    import torch

    opened = decoder(path, order="NCHW")
    times, done = ticks(opened.metadata), []
    for first in range(0, len(times), 8):
        frames = opened.get_frames_played_at(times[first : first + 8]).data
        small = torch.nn.functional.interpolate(frames.float(), size=(HEIGHT, WIDTH), mode="area")
        done.append(small.round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())
    return len(times), done


def pyav(path):
    """Every frame is decoded, only sampled ones are converted."""
    import av
    from av.video.reformatter import Interpolation, VideoReformatter

    # By default it scales with threads of its own, which files side by side do not need, and without accurate chroma.
    kernel = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    reformatter, done = VideoReformatter(), []

    def show(frame, count):
        if count > 0:
            small = reformatter.reformat(frame, WIDTH, HEIGHT, "rgb24", interpolation=kernel, threads=1)
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
        end = held.pts + (held.duration or nominal)
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
    """Seeks in the source files, each of which is opened once."""
    opened, done = {}, []
    for path, seconds in wanted:
        if path not in opened:
            opened[path] = decoder(path, [resize()])
        frames = opened[path].get_frames_played_at([seconds + tick / FPS + EPSILON for tick in range(WINDOW)])
        done.append(frames.data.numpy())
    put_away(done, out)
    return [len(frames) for frames in done]


def versions(contender):
    if contender == "pyav":
        import av

        library = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"PyAV {av.__version__} (its own libavcodec {library})"
    import torch
    import torchcodec

    return f"torchcodec {torchcodec.__version__}, torch {torch.__version__}"


def warm(contender):
    if contender != "pyav":
        import torch

        torch.set_num_threads(1)
    versions(contender)


CONTENDERS = {"torchcodec-resize": torchcodec_resize, "torchcodec-area": torchcodec_area, "pyav": pyav}


def main():
    contender, workers = sys.argv[1], int(sys.argv[2])
    warm(contender)
    # Not forked: a fork of a process with threads is what PyTorch warns of.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, warm, [contender]) as pool:
        # Every worker has imported everything once it has had time to answer.
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
