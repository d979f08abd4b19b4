// What Grafana's SDK says of a dashboard, for the JSON of one: the panels that ours has, with the
// options and queries of each, and no member that the SDK does not know.

import type { GraphFieldConfig } from "@grafana/grafana-foundation-sdk/common";
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type { Options as StatOptions } from "@grafana/grafana-foundation-sdk/stat";
import type { Options as TimeSeriesOptions } from "@grafana/grafana-foundation-sdk/timeseries";
import type * as units from "@grafana/grafana-foundation-sdk/units";

/** A type of the SDK as JSON: the values of its enums, and none of its functions. */
type Json<T> = 0 extends 1 & T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? `${T}` extends `${infer Value extends number}`
        ? Value
        : never
      : T extends (infer Element)[]
        ? Json<Element>[]
        : T extends object
          ? { [Key in keyof T as T[Key] extends () => void ? never : Key]: Json<T[Key]> }
          : T;

type Unit = (typeof units)[keyof typeof units];

/** What the SDK leaves open in a panel, because it differs from one type of panel to another. */
type Panel<Type extends string, Options, Custom> = Omit<
  Json<dashboard.Panel>,
  "type" | "options" | "targets" | "fieldConfig"
> & {
  type: Type;
  title: string;
  options: Json<Options>;
  targets: Json<Dataquery>[];
  fieldConfig: {
    defaults: Omit<Json<dashboard.FieldConfig>, "unit" | "custom"> & {
      unit: Unit;
      custom?: Json<Custom>;
    };
    overrides: Json<dashboard.FieldConfigSource>["overrides"];
  };
};

export type AnyPanel =
  | Json<dashboard.RowPanel>
  | Panel<"stat", StatOptions, never>
  | Panel<"timeseries", TimeSeriesOptions, GraphFieldConfig>;

export type Dashboard = Omit<Json<dashboard.Dashboard>, "panels"> & { panels: AnyPanel[] };
