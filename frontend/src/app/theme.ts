import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

// Deep teal: calm, and far from the blue of everything else. Gold marks what is certified.
const teal: MantineColorsTuple = [
  "#e8f6f8",
  "#d3e9ed",
  "#a6d3da",
  "#76bcc7",
  "#50a9b7",
  "#389dad",
  "#2897a8",
  "#178294",
  "#0b6a7a",
  "#00505e",
];

export const theme = createTheme({
  colors: { brand: teal },
  primaryColor: "brand",
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "650" },
  components: {
    // A title in the alert's colour is too faint to read on its background.
    Alert: {
      styles: { title: { color: "var(--mantine-color-text)" }, message: { color: "var(--mantine-color-text)" } },
    },
    Anchor: { defaultProps: { underline: "always" } },
    Modal: {
      defaultProps: {
        closeButtonProps: { "aria-label": "Close" },
        centered: true,
        overlayProps: { backgroundOpacity: 0.5, blur: 2 },
      },
    },
    Drawer: { defaultProps: { closeButtonProps: { "aria-label": "Close" }, position: "right", size: "lg" } },
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    Paper: { defaultProps: { withBorder: true, radius: "lg" } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
    Table: { defaultProps: { verticalSpacing: "sm", highlightOnHover: true } },
  },
});

/** Secondary text dark enough to read (WCAG AA) on both backgrounds. */
export const cssVariables: CSSVariablesResolver = (t) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": t.colors.gray[7],
    "--mantine-color-body": "#f7f9fa",
    "--mantine-color-anchor": t.colors.brand![8]!,
    "--mantine-color-error": "#c2255c",
  },
  dark: {
    "--mantine-color-dimmed": t.colors.dark[1],
    "--mantine-color-anchor": t.colors.brand![3]!,
    "--mantine-color-error": "#ff8787",
  },
});
