import { serveTabs } from "../client/worker.ts";

serveTabs();
