import type { Target } from "../target.ts";
import { extensionHeader } from "./extension-header.ts";
import { framesClient, framesServer } from "./frames.ts";
import { inflate } from "./inflate.ts";
import { path } from "./path.ts";
import { request } from "./request.ts";
import { response } from "./response.ts";
import { upgrade } from "./upgrade.ts";

export const TARGETS: readonly Target[] = [
  framesServer,
  framesClient,
  request,
  response,
  upgrade,
  extensionHeader,
  path,
  inflate,
];
