// The worker of an application.
import { serveTabs } from "../../../src/client/worker.ts";

serveTabs();
