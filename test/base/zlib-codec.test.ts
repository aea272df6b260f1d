import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { codecContract } from "./codec.ts";

codecContract("node:zlib", () => zlibCodec);
