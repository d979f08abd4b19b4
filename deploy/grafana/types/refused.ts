// What must be refused: without these, types that became too wide would let everything through.

import type { AnyPanel, Dashboard } from "./model.ts";

type Stat = Extract<AnyPanel, { type: "stat" }>;
type TimeSeries = Extract<AnyPanel, { type: "timeseries" }>;

// @ts-expect-error: no such type of panel
export const type: AnyPanel["type"] = "singlestat";
// @ts-expect-error: no such unit
export const unit: Stat["fieldConfig"]["defaults"]["unit"] = "calls";
// @ts-expect-error: not a mode of colours
export const color: Stat["options"]["colorMode"] = "red";
// @ts-expect-error: a place for the legend that there is not
export const place: TimeSeries["options"]["legend"]["placement"] = "top";
// @ts-expect-error: a member that a query does not have
export const target: Stat["targets"][number] = { refId: "A", expr: "up", legend: "" };
// @ts-expect-error: a number that stands for no kind of cursor
export const tooltip: Dashboard["graphTooltip"] = 3;
// @ts-expect-error: a place in the grid without a width
export const grid: Stat["gridPos"] = { h: 4, x: 0, y: 0 };
