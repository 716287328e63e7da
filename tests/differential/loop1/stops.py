# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What both debuggers' recorders share: steps through one program and writes a trace.

A recorder is a process of its own.  Its argument is a JSON file, the job (case.py makes it); it
writes a trace on standard output, one JSON object a line, each as soon as it is known:

    {"text": address}                      the start; where the machine code is, 0 on the host
    {"frames": [[function, line, pc], ...],      a stop: frames from the innermost out to main
     "vars": [[[name, value], ...], ...],        of the innermost frame, or of all (see below)
     "globals": [[name, value], ...]}            or null
    {"end": why}                           the last

A job may ask for a probe, [stop, frame, expression]: the stop then has "probe", its value.

Values are text in the notation of the debugger, with addresses replaced by POINTER or NULL.
Variables of outer frames and globals cost more than they tell at every stop: they are read where
the functions of the backtrace are others than at the last stop; globals also at every
`globals_every`th; with `all_frames` at every stop.
"""
import collections
import json
import os
import signal
import sys
import time

POINTER, NULL = "<pointer>", "<null>"
UNAVAILABLE = "<optimized out>"
MISSING = "<missing>"

FINISH_MAX = 50  # functions left one after the other before a step is given up

Frame = collections.namedtuple("Frame", "func file line pc")


def base(path):
    return path.rpartition("/")[2]


class Recorder:
    def __init__(self, side, job):
        self.side = side
        self.job = job
        self.last = None
        self.count = 0

    def write(self, record):
        print(json.dumps(record, separators=(",", ":")), flush=True)

    def land(self, why):
        """Walks out of functions that are not the program's; gives why it ended, and frames."""
        for _ in range(FINISH_MAX):
            frames = None if why else self.side.frames()
            if not frames:
                return why or "main returned", None
            if frames[0].file == self.job["source"]:
                return None, frames
            why = self.side.finish() or self.complete(frames)
        return "lost outside the program's file", None

    def complete(self, left):
        """Back in the middle of the line that called: on to its end, as after a step over."""
        frames = self.side.frames()
        if frames and len(frames) == len(left) - 1 and frames[0].line == left[1].line:
            return self.side.step()
        return None

    def record(self, frames):
        functions = [f.func for f in frames]
        changed = functions != self.last
        self.last = functions
        count = len(frames) if changed or self.job["all_frames"] else 1
        out = {"frames": [[f.func, f.line, f.pc] for f in frames],
               "vars": self.side.variables(count), "globals": None}
        every = 1 if self.job["all_frames"] else self.job["globals_every"]
        if changed or self.count % every == 0:
            out["globals"] = self.side.globals()
        if self.job["probe"] and self.job["probe"][0] == self.count:
            out["probe"] = self.side.probe(*self.job["probe"][1:])
        self.count += 1
        self.write(out)

    def run(self):
        why = self.side.start()
        self.write({"text": self.side.text})
        why, frames = self.land(why)
        while frames:
            self.record(frames)
            if self.count == self.job["steps"]:
                return "steps"
            why, frames = self.land(self.side.step())
        return why


def main(make_side):
    with open(sys.argv[1]) as f:
        job = json.load(f)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    side = None
    began = time.monotonic()
    try:
        side = make_side(job)
        recorder = Recorder(side, job)
        why = recorder.run()
        recorder.write({"end": why, "seconds": round(time.monotonic() - began, 3)})
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except Exception as e:  # whatever a debugger's binding raises belongs in the trace
        print(json.dumps({"end": "error: %s: %s" % (type(e).__name__, e)}), flush=True)
    finally:
        if side:
            side.close()
