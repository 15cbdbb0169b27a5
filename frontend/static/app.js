// The entry: makes the board live. Without this script, or when a part of it fails, the page works as forms and links.
import { showTask, showStats, readBoard } from "./board.js";
import { sendForms } from "./forms.js";
import { follow } from "./live.js";

sendForms(showTask);
follow({ task: showTask, stats: showStats, stale: readBoard });
