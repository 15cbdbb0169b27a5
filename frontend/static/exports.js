// The page of the exports: how far they are, live. What begins or ends is read from the server; the numbers between come with the messages.
import { follow } from "./live.js";
import { announce, readPage, replace } from "./page.js";

const read = async () => replace(await readPage("exports"), "exports");

follow(read, {
  export: ({ export: news }) => {
    const item = document.getElementById(`export-${news.id}`);
    const progress = item?.querySelector("progress");
    if (item?.dataset.state !== news.state || !progress || !news.rows_total) {
      if (news.state === "done") announce("An export is ready to download");
      return read().catch(() => {});
    }
    progress.max = news.rows_total;
    progress.value = news.rows_done;
    item.querySelector('[data-rows="done"]').textContent = news.rows_done;
  },
});
