#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tool, with a map that lies: takes WDX's place in a run of loop 1 whose verdicts are tested.

With the engine's optimiser on, the map says that the local which a function's frame hangs on is a
constant, all over that function; the side-car is made of these claims as they are.  REAL_WDX,
FALSE_FUNCTION and FALSE_VALUE (in the environment) are the tool, the function, the constant; the
module's name says which local it is: the loop's own reading of the DWARF is imported from LOOP1.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.environ["LOOP1"])
import dwarf  # noqa: E402
import fault  # noqa: E402
import make  # noqa: E402

TOOL = os.environ["REAL_WDX"]
FUNCTION = os.environ["FALSE_FUNCTION"]
PLACE = {"const": int(os.environ["FALSE_VALUE"])}


def lie(path, local):
    with open(path) as f:
        text = json.load(f)
    for f in text["functions"]:
        if f["symbol"].endswith("::" + FUNCTION):
            f["locals"] = [e for e in f.get("locals", ()) if e["index"] != local]
            f["locals"].append({"index": local,
                                "ranges": [[p["lo"], p["hi"], PLACE] for p in f["parts"]]})
            f["locals"].sort(key=lambda e: e["index"])
    with open(path, "w") as f:
        json.dump(text, f)


def main(arguments):
    subprocess.run([TOOL, *arguments], check=True)
    map_path = arguments[arguments.index("--emit-map") + 1]
    if "-jit0" in map_path:
        return
    module, image = (a for a in arguments if re.search(r"\.c?wasm$", a))
    frame = dwarf.Program(module, make.SOURCE).functions[FUNCTION].attributes["frame_base"]
    lie(map_path, int(fault.LOCAL.search(frame)[1], 16))
    subprocess.run([TOOL, "--recover=none", *(map_path if a == image else a for a in
                                           arguments[:arguments.index("--emit-map")])], check=True)


main(sys.argv[1:])
