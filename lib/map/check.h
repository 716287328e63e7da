/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Between the parts of lib/map: checks that say where in the JSON format the fault would stand.
 */
#ifndef WDX_MAP_CHECK_H
#define WDX_MAP_CHECK_H

#include "map/map.h"
#include "map/scan.h"

/* wdx_map_check(), with registers checked too unless target is NULL.  On error *where is the path
 * of the fault in wasm-jit-map(5), and the message does not name the function. */
struct wdx_error *wdx_map_check_at(const struct wdx_map *map, const struct wdx_target *target,
				   const struct wdx_wasm *wasm, struct wdx_json_path *where);

/* The same; the message names the function and not the path. */
struct wdx_error *wdx_map_check_named(const struct wdx_map *map, const struct wdx_target *target,
				      const struct wdx_wasm *wasm);

/* Only that the map is of this module. */
struct wdx_error *wdx_map_check_module(const struct wdx_map *map, const struct wdx_wasm *wasm);

/* "unknown register 77". */
struct wdx_error *wdx_map_check_reg(const struct wdx_target *target, unsigned reg);

/* Puts "PATH:LINE:COL: $.where: " before a message about that path. */
struct wdx_error *wdx_map_json_error(const struct wdx_json_text *text,
				     const struct wdx_json_path *where, struct wdx_error *err);

/* Sorts the entities of one function by kind; those of one kind keep their order. */
void wdx_map_sort_entities(struct wdx_map *map, const struct wdx_map_func *func);

#endif
