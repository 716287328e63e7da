# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A second host, in Python: attach.py OPT MODULE.wasm... instantiates each and runs the first.
A module that is named twice has two instances."""
import sys

import wasmtime

config = wasmtime.Config()
config.debug_info = True
config.cranelift_opt_level = ("none", "speed", "speed_and_size")[int(sys.argv[1])]
engine = wasmtime.Engine(config)
linker = wasmtime.Linker(engine)
linker.define_wasi()
modules = {path: wasmtime.Module.from_file(engine, path) for path in sys.argv[2:]}
stores, instances = [], []
for path in sys.argv[2:]:
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    stores.append(store)
    instances.append(linker.instantiate(store, modules[path]))
instances[0].exports(stores[0])["_start"](stores[0])
