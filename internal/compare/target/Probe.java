// The measured program for the Java virtual machine; guest/probe is the one in C, and says
// what the modes are. System.nanoTime() is CLOCK_MONOTONIC on Linux.
class Probe {
    public static void main(String[] args) throws InterruptedException {
        long begin = System.nanoTime();
        switch (args[0]) {
            case "compute" -> compute(Long.parseLong(args[1]) * 1_000_000);
            case "idle" -> {
                System.out.println("idle 0 " + begin);
                Thread.sleep(Long.MAX_VALUE);
            }
            default -> System.out.println("start 0 " + begin);
        }
    }

    /** Runs rounds of the same generator as in C, in batches, for about ns nanoseconds. */
    private static void compute(long ns) {
        final int batch = 1 << 16;
        long ops = 0, x = 88172645463325252L, begin = System.nanoTime(), spent;
        do {
            for (int i = 0; i < batch; i++) {
                x ^= x << 13;
                x ^= x >>> 7;
                x ^= x << 17;
            }
            ops += batch;
            spent = System.nanoTime() - begin;
        } while (spent < ns);
        System.out.println("compute " + ops + " " + spent);
        if (x == 0) System.out.println(x); // never: keeps the loop
    }
}
