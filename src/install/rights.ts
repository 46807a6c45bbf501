/** The roles that `ampsync migrate` grants to, where they exist. Nothing needs them. */
export const ROLES = ["ampsync_admin", "ampsync_operator", "ampsync_worker", "ampsync_reader"] as const;

export type Role = (typeof ROLES)[number];

const READ: readonly Role[] = ["ampsync_admin", "ampsync_operator", "ampsync_worker", "ampsync_reader"];
const OPERATE: readonly Role[] = ["ampsync_admin", "ampsync_operator"];
const ADMINISTER: readonly Role[] = ["ampsync_admin"];

/**
 * Who may call each function of the schema `ampsync`. One that is not listed is closed to all of them. What workers
 * call, the schemas `ampsync_worker` and `ampsync_private`, is for `ampsync_worker` alone.
 */
export const FUNCTION_RIGHTS: Readonly<Record<string, readonly Role[]>> = {
  cut: READ,
  doctor: READ,
  verify: READ,
  version: READ,
  wait_for_block: READ,

  adopt: OPERATE,
  alter_sync: OPERATE,
  cancel_repair: OPERATE,
  cancel_resync: OPERATE,
  drop_sync: OPERATE,
  enqueue_sync: [...OPERATE, "ampsync_worker"], // The dataset of a worker's settings.
  explain_sync: OPERATE,
  pause_sync: OPERATE,
  repair: OPERATE,
  resume_sync: OPERATE,
  resync: OPERATE,
  rollback_version: OPERATE,

  set_retention: ADMINISTER,
  set_source: ADMINISTER, // Whoever may call it decides to which hosts workers connect.
};

/** Tables of the installation itself, which a worker reads. It writes all others of `ampsync_private`. */
export const INSTALLER_TABLES = ["migration", "source", "queue"] as const;
