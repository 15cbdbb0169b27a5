// The entry of the board: makes it live. Without this script, or when a part of it fails, the page works as forms and links.
import { readBoard, removeTask, showStats, showTask } from "./board.js";
import { followFilter } from "./filter.js";
import { sendForms } from "./forms.js";
import { follow } from "./live.js";

sendForms(showTask);
followFilter(readBoard);
follow(readBoard, { task: ({ task }) => showTask(task), task_gone: removeTask, stats: showStats });
