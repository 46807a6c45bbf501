// npm run chaos -- [kills | versions] …: see the files named below.
import { chaosOfKills } from "./chaos-kills.ts";
import { chaosOfVersions } from "./chaos-versions.ts";

const [first, ...rest] = process.argv.slice(2);
if (first === "versions") await chaosOfVersions(rest);
else await chaosOfKills(first === "kills" ? rest : process.argv.slice(2));
