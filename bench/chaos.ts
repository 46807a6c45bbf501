// npm run chaos -- [kills | capture | faults | ingest | limits | log | pages | publish | versions | walks] …: see these files.
import { chaosOfCapture } from "./chaos-capture.ts";
import { chaosOfFaults } from "./chaos-faults.ts";
import { chaosOfIngest } from "./chaos-ingest.ts";
import { chaosOfKills } from "./chaos-kills.ts";
import { chaosOfLimits } from "./chaos-limits.ts";
import { chaosOfLog } from "./chaos-log.ts";
import { chaosOfPages } from "./chaos-pages.ts";
import { chaosOfPublishing } from "./chaos-publish.ts";
import { chaosOfVersions } from "./chaos-versions.ts";
import { chaosOfWalks } from "./chaos-walks.ts";

const [first, ...rest] = process.argv.slice(2);
if (first === "capture") await chaosOfCapture(rest);
else if (first === "versions") await chaosOfVersions(rest);
else if (first === "walks") chaosOfWalks(rest);
else if (first === "pages") await chaosOfPages(rest);
else if (first === "publish") await chaosOfPublishing(rest);
else if (first === "limits") await chaosOfLimits(rest);
else if (first === "log") await chaosOfLog(rest);
else if (first === "faults") await chaosOfFaults(rest);
else if (first === "ingest") await chaosOfIngest(rest);
else await chaosOfKills(first === "kills" ? rest : process.argv.slice(2));
