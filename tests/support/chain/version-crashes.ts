import type { FaultPoint } from "../../../src/fault-points.ts";

/** Where a worker kills itself, and what gets one there. */
export const POINTS: readonly (readonly [point: FaultPoint, provoked: Provocation])[] = [
  ["reload_planned", "version"],
  ["reload_answered", "version"],
  ["upgrade_step_answered", "upgrade"],
  ["upgrade_step_answered", "upgrade"],
  ["swap_answered", "resync"],
  ["before_prepare_target", "version"],
  ["target_prepared", "upgrade"],
  ["copy_begun", "block"],
  ["commit_sent", "upgrade"],
  ["commit_answered", "version"],
];
/** Calls that break off at some statement, how many statements they have, about, and what leads to them. */
export const CALLS: readonly (readonly [text: string, statements: number, provoked: Provocation])[] = [
  ["adopt_version", 25, "version"],
  ["adopt_version", 8, "upgrade"],
  ["advance_upgrade", 20, "upgrade"],
  ["advance_upgrade", 150, "upgrade"],
  ["rollback_version", 150, "rollback"],
  ["swap_resync", 25, "resync"],
  ["ampsync.resync(", 15, "resync"],
  ["cancel_resync", 15, "cancel"],
  ["note_version", 3, "version"],
  ["prepare_target", 8, "version"],
  ["commit_apply", 6, "block"],
];

/** What a test does so that a worker or a call gets somewhere. */
export type Provocation = "version" | "upgrade" | "resync" | "rollback" | "cancel" | "block";
