// The worker of an application.
import { serveTabs } from "../../../src/client/worker.ts";
import { READY_MADE } from "./ready-made.page.ts";

serveTabs({ extensions: READY_MADE });
