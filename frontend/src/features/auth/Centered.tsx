import { Box, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { Logo } from "@/components/Logo";

/** The frame of the screens before anyone is signed in. */
export function Centered({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · pkiaas`;
  }, [title]);
  return (
    <Box
      component="main"
      mih="100vh"
      style={{
        display: "grid",
        placeItems: "center",
        padding: 16,
        background:
          "radial-gradient(1200px 600px at 50% -10%, color-mix(in srgb, var(--mantine-color-brand-6) 18%, transparent), transparent)",
      }}
    >
      <Stack w="100%" maw={400} gap="lg">
        <Group gap={10} justify="center">
          <Logo size={40} />
          <Text fw={700} fz={26}>
            pkiaas
          </Text>
        </Group>
        <Card withBorder radius="lg" padding="xl" shadow="sm">
          <Title order={1} fz={20} mb="md">
            {title}
          </Title>
          {children}
        </Card>
        <Text ta="center" size="sm" c="dimmed">
          PKI as a Service, self-hosted
        </Text>
      </Stack>
    </Box>
  );
}
