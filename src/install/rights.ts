/** The roles that `ampsync migrate` grants to, where they exist. Nothing needs them. */
export const ROLES = [
  "ampsync_admin",
  "ampsync_operator",
  "ampsync_worker",
  "ampsync_reader",
  "ampsync_gateway",
] as const;

export type Role = (typeof ROLES)[number];

/** Who may read views, where nothing else is said: all but gateways, which call what they need and read nothing. */
export const READERS: readonly Role[] = ROLES.filter((role) => role !== "ampsync_gateway");

const READ: readonly Role[] = READERS;
/** What gateways call of it as well. */
const FOLLOW: readonly Role[] = ROLES;
const OPERATE: readonly Role[] = ["ampsync_admin", "ampsync_operator"];
const ADMINISTER: readonly Role[] = ["ampsync_admin"];

/**
 * Who may call each function of the schema `ampsync`. One that is not listed is closed to all of them. What workers
 * call, the schemas `ampsync_worker` and `ampsync_private`, is for `ampsync_worker` alone.
 */
export const FUNCTION_RIGHTS: Readonly<Record<string, readonly Role[]>> = {
  cut: READ,
  doctor: READ,
  head: FOLLOW,
  is_captured: FOLLOW,
  position_at: READ,
  staged_records: READ, // Views of create_seed_views call it.
  verify: READ,
  version: FOLLOW,
  wait_for_block: READ,
  wait_for_capture: FOLLOW, // A procedure, which runs with its caller's rights.

  adopt: OPERATE,
  alter_sync: OPERATE,
  cancel_repair: OPERATE,
  cancel_resync: OPERATE,
  create_seed_views: [...OPERATE, "ampsync_worker"], // Of the source of a worker's settings.
  disconnect_client: OPERATE,
  drop_sync: OPERATE,
  enqueue_http: [...OPERATE, "ampsync_worker"],
  enqueue_sync: [...OPERATE, "ampsync_worker"], // The dataset of a worker's settings.
  explain_sync: OPERATE,
  pause_sync: OPERATE,
  publish: OPERATE,
  publish_dataset: OPERATE,
  repair: OPERATE,
  reset_client: OPERATE,
  resume_sync: [...OPERATE, "ampsync_worker"], // The same source, where it had failed.
  resync: OPERATE,
  revoke_subject: OPERATE,
  rollback_version: OPERATE,
  skip_transaction: OPERATE,
  unpublish: OPERATE,
  unpublish_dataset: OPERATE,

  check_shape: ADMINISTER,
  plan_shape_check: ADMINISTER, // check_shape calls it with the rights of its caller.
  create_shape: ADMINISTER, // Whoever may call it decides which rows clients see.
  drop_shape: ADMINISTER,
  retry_shape: OPERATE,

  read_changes: ADMINISTER, // Rows of tables that their readers may not read themselves.
  configure_capture: ADMINISTER,
  erase_history: ADMINISTER,
  plan_row: ADMINISTER, // restore_row and restore_table call them with the rights of their callers.
  plan_table: ADMINISTER,
  restore_row: ADMINISTER,
  restore_table: ADMINISTER,
  row_history: ADMINISTER, // Rows of tables that others may not read.
  set_retention: ADMINISTER,
  set_tenant_limit: ADMINISTER,
  set_source: ADMINISTER, // Whoever may call it decides to which hosts workers connect.
  table_as_of: ADMINISTER,
};

/** Who may read a view of the schema `ampsync`, where not all of them may. */
export const VIEW_RIGHTS: Readonly<Record<string, readonly Role[]>> = {
  change_history: ADMINISTER, // Rows of tables that their readers may not read themselves.
  clients: OPERATE, // Who uses the application, and on what.
  hydrations: OPERATE, // Keys of rows.
  sessions: OPERATE,
};

/** Tables of the installation itself, which a worker reads. It writes all others of `ampsync_private`. */
export const INSTALLER_TABLES = ["migration", "source", "queue"] as const;
