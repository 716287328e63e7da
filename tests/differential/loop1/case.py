# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One program: built, traced in the debuggers, judged; and kept, when the verdict is bad."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import compare
import dwarf
import fault
import make

HERE = os.path.dirname(os.path.abspath(__file__))
TRACE_SECONDS = 300
HOST_STEPS = 5000  # beside an optimised module, whose stops are fewer
NOT_VARIABLES = ("crc32_tab", "crc32_context")  # of csmith.h


class Trace:
    """A recorder at work: iterates over the records, keeps them in a file."""

    def __init__(self, debugger, job, path):
        job_path = path + ".job"
        with open(job_path, "w") as f:
            json.dump(job, f)
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, debugger + "_trace.py"), job_path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.timer = threading.Timer(TRACE_SECONDS, self.kill)
        self.timer.start()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __iter__(self):
        try:
            with open(self.path, "w") as f:
                for line in self.process.stdout:
                    f.write(line)
                    yield json.loads(line)
        finally:
            self.close()

    def close(self):
        self.timer.cancel()
        self.process.stdout.close()  # tells a recorder that still writes
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        os.unlink(self.path + ".job")


def read_trace(path):
    with open(path) as f:
        for line in f:
            yield json.loads(line)


class Case:
    """A program in a folder, with the settings under which it is traced."""

    def __init__(self, folder, settings):
        """settings: seed, optimise, version, jits, debuggers, steps, globals_every, follow."""
        self.folder = folder
        self.settings = settings
        self.base = "O" + settings["optimise"]

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self):
        """Builds everything from the source, which is there; raises make.Rejected."""
        wanted = make.build_host(self.folder, self.settings["version"])
        make.build_wasm(self.folder, self.base, self.settings["optimise"],
                        self.settings["version"])
        for jit in self.settings["jits"]:
            make.build_image(self.folder, self.base, jit)
            make.build_sidecar(self.folder, self.base, jit)
            if make.run_image(self.folder, self.base, jit) != wanted:
                raise make.Rejected("checksums differ")

    def read(self):
        """Reads what the verdicts stand on."""
        self.host = dwarf.Program(self.path("program.host"), make.SOURCE)
        self.wasm = dwarf.Program(self.path(self.base + ".wasm"), make.SOURCE)
        self.host_lines = dwarf.Lines(self.path("program.host"), make.SOURCE)
        self.wasm_lines = dwarf.Lines(self.path(self.base + ".wasm"), make.SOURCE)
        self.jumps = make.jumps(self.path("program.host"))
        live = set(self.wasm.globals())
        self.globals = [n for n in self.host.globals() if n in live and n not in NOT_VARIABLES
                        and not self.host.masked("", n)]

    def ground(self, jit_map):
        return compare.Ground(self.host, self.wasm, self.host_lines.statements(), self.jumps,
                              self.wasm_lines.statements(), jit_map.lines(self.wasm_lines))

    def comparison(self, jit):
        jit_map = make.Map(self.map_path(jit))
        if self.optimised():
            return compare.Held(self.ground(jit_map), jit_map.wasm_at)
        return compare.Comparison(self.ground(jit_map))

    def optimised(self):
        return self.settings["optimise"] != "0"

    def map_path(self, jit):
        return self.path("%s-jit%d.map.json" % (self.base, jit))

    def sidecar(self, jit, debugger):
        return self.path("%s-jit%d.%s.debug" % (self.base, jit, debugger))

    def job(self, **more):
        job = {k: self.settings[k] for k in ("steps", "globals_every", "follow")}
        job.update(source=make.SOURCE, globals=self.globals, probe=None, log=None, has_memory=True,
                   all_frames=False,
                   skip_files=[make.CSMITH_INCLUDE + "/*"], **more)
        return job

    def host_trace(self, debugger):
        """The host's trace, recorded once for all modes."""
        path = self.path("host.%s.trace" % debugger)
        if not os.path.exists(path):
            job = self.job(program=self.path("program.host"), args=[], sidecar=None)
            if self.optimised():  # to its end: everything that the variables ever were
                job.update(all_frames=True, steps=max(job["steps"], HOST_STEPS))
            for _ in Trace(debugger, job, path):
                pass
        return path

    def wasm_job(self, jit, debugger):
        return self.job(program=make.HOST, args=make.image_args(self.folder, self.base, jit),
                        sidecar=self.sidecar(jit, debugger))

    def wasm_path(self, debugger, jit):
        return self.path("%s-jit%d.%s.trace" % (self.base, jit, debugger))

    def compare(self, debugger, jit):
        """Traces the wasm program while it compares."""
        host = self.host_trace(debugger)
        trace = Trace(debugger, self.wasm_job(jit, debugger), self.wasm_path(debugger, jit))
        comparison = self.comparison(jit)
        records = iter(trace)
        comparison.run(read_trace(host), records)
        records.close()
        return comparison

    def again(self, debugger, jit):
        """Compares the traces that are there."""
        comparison = self.comparison(jit)
        comparison.run(read_trace(self.host_trace(debugger)),
                       read_trace(self.wasm_path(debugger, jit)))
        return comparison

    def probe(self, debugger, jit, stop, frame, expression):
        """The value of an expression at a stop of the wasm trace; None when there is none."""
        job = self.wasm_job(jit, debugger)
        job["probe"] = [stop, frame, expression]
        job["steps"] = stop + 1
        last = {}
        for record in Trace(debugger, job, self.path("probe.trace")):
            last = record if "probe" in record else last
        return last.get("probe")

    def judge(self, debugger):
        """[(jit, comparison), ...]; the optimiser off comes first, for fault.py to look at."""
        out = []
        for jit in sorted(self.settings["jits"]):
            comparison = self.compare(debugger, jit)
            if any(f.kind == compare.WRONG for f in comparison.findings):
                fault.classify(self, debugger, jit, comparison, dict(out))
            out.append((jit, comparison))
        return out

    def keep(self, where, debugger, jit, comparison):
        """A reproducer: the folder's files that matter, what was found, how to see it again."""
        to = os.path.join(where, "%s-%s-jit%d-%s" % (self.settings["seed"], self.base, jit,
                                                     debugger))
        shutil.rmtree(to, ignore_errors=True)
        os.makedirs(to)
        # A map fault shows itself beside the run with the optimiser off.
        jits = [jit] if all(f.kind != compare.MAP_FAULT for f in comparison.findings) else \
            self.settings["jits"]
        for f in self.files(debugger, jits):
            if os.path.exists(self.path(f)):
                shutil.copy2(self.path(f), to)
        with open(os.path.join(to, "case.json"), "w") as f:
            json.dump(dict(self.settings, jits=jits, debuggers=[debugger]), f, indent=1)
        with open(os.path.join(to, "findings"), "w") as f:
            f.write("\n".join(describe(x) for x in comparison.findings) + "\n")
        with open(os.path.join(to, "replay"), "w") as f:
            f.write('#!/bin/sh\nexec %s/tests/differential/debuggers --replay "$(dirname "$0")" '
                    '"$@"\n' % make.TOP)
        os.chmod(os.path.join(to, "replay"), 0o755)
        return to

    def files(self, debugger, jits):
        yield from (make.SOURCE, "program.host", "host.s", self.base + ".wasm",
                    self.base + ".strip.wasm", "host.%s.trace" % debugger)
        for jit in jits:
            base = "%s-jit%d" % (self.base, jit)
            yield from (base + ".cwasm", base + ".map.json", base + ".debug",
                        "%s.%s.trace" % (base, debugger))


def describe(f):
    at = "stop %d, %s:%d" % (f.stop, f.function, f.line)
    at += ", frame %d" % f.frame if f.frame else ""
    return "%s: %s: %s%s" % (f.kind, at, f.name + ": " if f.name else "", f.text)
