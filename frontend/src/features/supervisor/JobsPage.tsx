import { Badge, Card, Code, Table, Text } from "@mantine/core";
import { IconChecklist } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { EmptyState, ErrorAlert, Loading, Moment, NotPermitted, PageHeader, Scroll } from "@/components/ui";
import { graphql } from "@/gql";
import type { JobsQuery } from "@/gql/graphql";
import { shorten } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useViewer } from "@/lib/session";

const Jobs = graphql(`
  query Jobs {
    jobs(first: 200) {
      nodes {
        kind
        key
        lane
        runAt
        runningUntil
        attempts
        lastError
      }
    }
  }
`);

type Job = JobsQuery["jobs"]["nodes"][number];

const lanes = { STATUS: "Certificate status", OUTWARD: "Outward", WORK: "Work" };

/** What the servers do in the background, and what of it fails. */
export function JobsPage() {
  const viewer = useViewer();
  const list = useQuery({
    queryKey: ["jobs"],
    queryFn: () => request(Jobs),
    refetchInterval: 5_000,
    enabled: viewer?.operator === true,
  });
  if (!viewer?.operator) return <NotPermitted permission="job:browse" />;
  return (
    <>
      <PageHeader
        title="Jobs"
        description="What the servers do in the background: failed jobs first, then those due longest."
      />
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading />}
      {list.data?.jobs.nodes.length === 0 && (
        <EmptyState icon={<IconChecklist />} title="No jobs">
          Nothing is waiting.
        </EmptyState>
      )}
      {list.data && list.data.jobs.nodes.length > 0 && (
        <Card withBorder radius="lg">
          <Scroll label="Jobs">
            <Table verticalSpacing="sm" miw={820}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Job</Table.Th>
                  <Table.Th>Lane</Table.Th>
                  <Table.Th>State</Table.Th>
                  <Table.Th>Attempts</Table.Th>
                  <Table.Th>Last error</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.data.jobs.nodes.map((j) => (
                  <Table.Tr key={`${j.kind} ${j.key}`}>
                    <Table.Td>
                      <Text size="sm" fw={600}>
                        {j.kind}
                      </Text>
                      {j.key !== "all" && <Code>{shorten(j.key)}</Code>}
                    </Table.Td>
                    <Table.Td>{lanes[j.lane]}</Table.Td>
                    <Table.Td>
                      <State job={j} />
                    </Table.Td>
                    <Table.Td>{j.attempts}</Table.Td>
                    <Table.Td maw={480}>
                      <Text size="sm" lineClamp={3} title={j.lastError}>
                        {j.lastError}
                      </Text>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        </Card>
      )}
    </>
  );
}

function State({ job }: { job: Job }) {
  if (job.runningUntil) return <Badge color="blue">Running</Badge>;
  if (job.lastError) {
    return (
      <>
        <Badge color="red">Failing</Badge>
        <Text size="xs" c="dimmed">
          Next attempt <Moment at={job.runAt} />
        </Text>
      </>
    );
  }
  return (
    <Text size="sm">
      Due <Moment at={job.runAt} />
    </Text>
  );
}
