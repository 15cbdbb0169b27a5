// The page that could not be shown: asks again until there is something better, then goes there.
const { retrySeconds, retryPath } = document.getElementById("notice").dataset;
const target = retryPath || location.href;

async function retry() {
  try {
    const response = await fetch(target, { headers: { accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (response.status < 500) return location.replace(target);
  } catch {
    // Still away: the next attempt will tell.
  }
  setTimeout(retry, (Number(retrySeconds) || 3) * (500 + Math.random() * 500));
}

setTimeout(retry, 500 + Math.random() * 500);
