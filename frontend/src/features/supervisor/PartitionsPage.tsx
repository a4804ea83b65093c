import { Card, Group, SimpleGrid, Text, TextInput } from "@mantine/core";
import { IconLayoutGrid } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { EmptyState, PageHeader } from "@/components/ui";
import { roleNames, useViewer } from "@/lib/session";

export function PartitionsPage() {
  const viewer = useViewer();
  const { search } = useSearch({ from: "/signed-in/supervisor/partitions" });
  const navigate = useNavigate();
  const found =
    viewer?.partitions.filter((p) => `${p.name} ${p.id}`.toLowerCase().includes((search ?? "").toLowerCase())) ?? [];
  return (
    <>
      <PageHeader title="Partitions" description="Select a partition to manage." />
      <TextInput
        aria-label="Search partitions"
        placeholder="Search"
        mb="md"
        maw={360}
        defaultValue={search}
        onChange={(e) =>
          void navigate({ to: ".", search: { search: e.currentTarget.value || undefined }, replace: true })
        }
      />
      {found.length === 0 && (
        <EmptyState icon={<IconLayoutGrid />} title={search ? "No partition matches" : "No partition yet"}>
          {search
            ? "Search for something else."
            : "Assign a subscription to a region to get one, or ask an Owner to invite you."}
        </EmptyState>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {found.map((p) => (
          <Card
            key={p.id}
            withBorder
            radius="lg"
            padding="lg"
            renderRoot={(props) => <Link to="/p/$partitionId" params={{ partitionId: p.id }} {...props} />}
          >
            <Group justify="space-between">
              <Text fw={650}>{p.name}</Text>
              <Text size="sm" fw={600}>
                {p.region}
              </Text>
            </Group>
            <Text size="sm" c="dimmed" ff="monospace">
              {p.id}
            </Text>
            <Text size="sm" mt="xs">
              {p.roles.map((r) => roleNames[r]).join(", ") || "No role"}
            </Text>
          </Card>
        ))}
      </SimpleGrid>
    </>
  );
}
