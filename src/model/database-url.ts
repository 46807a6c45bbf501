/** Settings that libpq takes from environment variables and from parameters of an address, and pg only from parameters. */
const TLS_VARIABLES = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
} as const;

/** The parameters of an address that pg reads and understands as libpq does. */
const TAKEN: ReadonlySet<string> = new Set([
  ...["host", "port", "user", "password", "options", "sslnegotiation"],
  ...Object.keys(TLS_VARIABLES),
]);

/** Parameters that are ignored: our sessions set them themselves, or a client can do without them. */
const LEFT_OUT =
  /^(application_name|fallback_application_name|connect_timeout|keepalives\w*|tcp_user_timeout|channel_binding|uselibpqcompat)$/;

/** Parameters with the only value that works here; they ask for what is done anyway. */
const ONLY: Readonly<Record<string, RegExp>> = {
  client_encoding: /^(utf-?8|auto)$/i,
  gssencmode: /^(disable|prefer)$/,
  target_session_attrs: /^(any|read-write|primary)$/,
};

const SSL_MODES: ReadonlySet<string> = new Set(["disable", "require", "verify-ca", "verify-full"]);

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Turns an address of PostgreSQL as libpq reads it into one as pg reads it: with the settings of the environment and
 * of a service file, and TLS as libpq means it. What cannot work is added to `problems`, in words that show no value.
 */
export function completeDatabaseUrl(
  text: string,
  name: string,
  env: Environment,
  readFile: (path: string) => string,
  problems: string[],
): string {
  const url = parse(text);
  if (
    /^[^/]*\/\/[^/?#]*,/.test(text) ||
    (url?.searchParams.get("host") ?? env["PGHOST"] ?? "").includes(",")
  ) {
    problems.push(`${name} names several hosts: name one, such as an address that follows the primary`);
    return text;
  }
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hash !== "") {
    problems.push(`${name} is not a postgresql:// URL with %-encoded special characters`);
    return text;
  }
  const parameters = url.searchParams;
  const before = url.pathname + parameters.toString();
  if (env["PGHOSTADDR"]) {
    problems.push("PGHOSTADDR is not supported: use PGHOST");
  }
  addService(url, env, readFile, problems);
  for (const [parameter, variable] of Object.entries(TLS_VARIABLES)) {
    if (!parameters.has(parameter) && env[variable]) parameters.set(parameter, env[variable]);
  }
  for (const [parameter, value] of [...parameters]) {
    if (LEFT_OUT.test(parameter) || ONLY[parameter]?.test(value)) {
      parameters.delete(parameter);
    } else if (parameter === "ssl" && value === "true") {
      parameters.delete(parameter);
      if (!parameters.has("sslmode")) parameters.set("sslmode", "require");
    } else if (!TAKEN.has(parameter)) {
      problems.push(`${name}: the parameter ${JSON.stringify(parameter)}, or its value, is not supported`);
    }
  }
  completeTls(parameters, name, env, readFile, problems);
  // An unchanged address is returned as it was written.
  return url.pathname + parameters.toString() === before
    ? text
    : url.href.replace(/(\/\/|@)placeholder(?=[/?]|$)/, "$1");
}

/**
 * The passwords in an address, and the one of the environment, to be kept out of logs. A password that is the name of
 * something else would take that name away as well, and everybody knows it.
 */
export function passwordsIn(address: string | null, env: Environment): readonly string[] {
  const url = address === null ? null : parse(address);
  const names = [url?.username, url?.hostname, url?.pathname.slice(1), env["PGUSER"], env["PGDATABASE"]];
  const known = new Set([...names.map((name) => decoded(name ?? "")), "postgres", "ampsync"]);
  const given = [decoded(url?.password ?? ""), url?.searchParams.get("password"), env["PGPASSWORD"]];
  return [...new Set(given)].filter((password) => !!password && !known.has(password)) as string[];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Parses an address. Without a host it means a local socket, or the host of the environment. */
function parse(text: string): URL | null {
  return URL.parse(text.replace(/^([^/]*\/\/(?:[^/?#]*@)?)(?=[/?]|$)/, "$1placeholder"));
}

function completeTls(
  parameters: URLSearchParams,
  name: string,
  env: Environment,
  readFile: (path: string) => string,
  problems: string[],
): void {
  const isReadable = (path: string) => {
    try {
      readFile(path);
      return true;
    } catch {
      return false;
    }
  };
  const home = `${env["HOME"] ?? ""}/.postgresql`;
  if (parameters.get("sslrootcert") === "system") {
    parameters.delete("sslrootcert");
    if ((parameters.get("sslmode") ?? "verify-full") !== "verify-full") {
      problems.push(`${name}: sslrootcert=system needs sslmode=verify-full`);
    }
    parameters.set("sslmode", "verify-full");
  } else if (/^verify-/.test(parameters.get("sslmode") ?? "") && !parameters.has("sslrootcert")) {
    const own = `${home}/root.crt`;
    if (isReadable(own)) {
      parameters.set("sslrootcert", own);
    } else if (parameters.get("sslmode") === "verify-ca") {
      problems.push(`${name}: sslmode=verify-ca needs sslrootcert`);
    }
  }
  if (!parameters.has("sslmode")) {
    if (!Object.keys(TLS_VARIABLES).some((parameter) => parameters.has(parameter))) return;
    parameters.set("sslmode", "verify-full");
  }
  const mode = parameters.get("sslmode") ?? "";
  if (!SSL_MODES.has(mode)) {
    problems.push(
      `${name}: sslmode must be one of ${[...SSL_MODES].join(", ")}; modes that fall back to no TLS are not supported`,
    );
  }
  if (mode !== "disable" && !parameters.has("sslcert") && !parameters.has("sslkey")) {
    const own = { sslcert: `${home}/postgresql.crt`, sslkey: `${home}/postgresql.key` };
    if (Object.values(own).every(isReadable)) {
      for (const [parameter, path] of Object.entries(own)) parameters.set(parameter, path);
    }
  }
  if (parameters.has("sslcert") !== parameters.has("sslkey")) {
    problems.push(`${name}: sslcert and sslkey must be set together`);
  }
  for (const parameter of ["sslrootcert", "sslcert", "sslkey"]) {
    const path = parameters.get(parameter);
    if (path !== null && !isReadable(path)) {
      problems.push(`${name}: ${parameter} names a file that cannot be read`);
    }
  }
  parameters.set("uselibpqcompat", "true"); // Without this pg treats every mode as verify-full.
}

/** Adds the settings of the service that the address or PGSERVICE names, where the address itself has none. */
function addService(
  url: URL,
  env: Environment,
  readFile: (path: string) => string,
  problems: string[],
): void {
  const service = url.searchParams.get("service") ?? env["PGSERVICE"] ?? "";
  url.searchParams.delete("service");
  if (service === "") return;
  let section: readonly string[] | undefined;
  try {
    const text = readFile(env["PGSERVICEFILE"] || `${env["HOME"] ?? ""}/.pg_service.conf`);
    section = text
      .split(/^\s*\[/m)
      .find((part) => part.startsWith(`${service}]`))
      ?.split(/\r?\n/)
      .slice(1);
  } catch {
    // Reported below.
  }
  if (section === undefined) {
    problems.push(`the service ${JSON.stringify(service)} is not in the service file`);
    return;
  }
  const inAddress: Readonly<Record<string, string>> = {
    host: url.hostname === "placeholder" ? "" : url.hostname,
    port: url.port,
    user: url.username,
    password: url.password,
  };
  for (const line of section) {
    const [, parameter = "", value = ""] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (parameter === "dbname") {
      if (url.pathname.length <= 1) url.pathname = encodeURI(value);
    } else if (parameter !== "" && !inAddress[parameter] && !url.searchParams.has(parameter)) {
      url.searchParams.set(parameter, value);
    }
  }
}
