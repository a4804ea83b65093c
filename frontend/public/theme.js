// Before the first paint, so that a dark screen does not flash white.
(function () {
  var kept = null;
  try { kept = localStorage.getItem("mantine-color-scheme-value"); } catch (e) { kept = null; }
  var dark = kept === "dark" || ((!kept || kept === "auto") && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
