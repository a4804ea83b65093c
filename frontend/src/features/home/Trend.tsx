import "@mantine/charts/styles.css";
import { BarChart } from "@mantine/charts";
import { formatDate } from "@/lib/format";

/** Issued and revoked certificates per day. */
export function Trend({ days }: { days: readonly { day: string; issued: number; revoked: number }[] }) {
  const issued = days.reduce((n, d) => n + d.issued, 0);
  const revoked = days.reduce((n, d) => n + d.revoked, 0);
  return (
    <div role="img" aria-label={`${issued} certificates issued and ${revoked} revoked in ${days.length} days`} style={{ height: "100%" }}>
      <BarChart
        h={240}
        data={days.map((d) => ({ day: formatDate(`${d.day}T12:00:00Z`), Issued: d.issued, Revoked: d.revoked }))}
        dataKey="day"
        withLegend
        series={[
          { name: "Issued", color: "brand.6" },
          { name: "Revoked", color: "red.6" },
        ]}
        xAxisProps={{ interval: 6 }}
        yAxisProps={{ allowDecimals: false, width: 36 }}
      />
    </div>
  );
}
