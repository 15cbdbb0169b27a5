// Takes new style sheets without reading the page again.

/** Replaces the style sheets of this site that have the name of a changed file, or all of them when none has: one may import another. */
export function swapStyles(paths) {
  const names = new Set(paths.map(fileName));
  const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')].filter((link) => new URL(link.href).origin === location.origin && !link.dataset.devOld);
  const named = links.filter((link) => names.has(fileName(plainPath(link))));
  for (const link of named.length > 0 ? named : links) swap(link, plainPath(link));
}

/** Loads the new sheet beside the old one, which goes when the new one is there: the page never shows without. */
function swap(link, path) {
  const url = new URL(link.href);
  const fresh = link.cloneNode();
  fresh.removeAttribute("integrity");
  // The proxy leaves queries out of the names in its cache, but for this one it asks the application.
  url.searchParams.set("dev", String(Date.now()));
  const original = url.pathname;
  url.pathname = path;
  fresh.href = url.href;
  link.dataset.devOld = "";
  fresh.addEventListener("load", () => link.remove(), { once: true });
  fresh.addEventListener("error", () => {
    fresh.remove();
    delete link.dataset.devOld;
    // An application that does not know the plain name may know the one of the page.
    if (path !== original) swap(link, original);
  }, { once: true });
  link.after(fresh);
}

/** The path without the fingerprint that makes it immutable: under the plain name comes what is there now. */
function plainPath(link) {
  return new URL(link.href).pathname.replace(/\.[0-9a-f]{12}(\.css)$/, "$1");
}

function fileName(path) {
  return path.split("/").pop();
}
