// A gRPC client that does what it is told: one JSON command per line of standard input, one JSON answer per line of standard output.
// Messages are bytes in base64; what the commands are is in test/harness/foreign-client.ts.

import com.google.gson.Gson;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public final class GrpcTestClient {
  private static final Gson JSON = new Gson();
  /** The largest response that is told in full. */
  private static final int IN_FULL = 65536;

  static final class Command {
    String path;
    String request;
    List<String> requests;
    List<List<String>> metadata = List.of();
    long timeoutMs;
    boolean gzip;
    int count;
    int leaveAfter;
    int workers;
    /** `do` is a word of the language. */
    @com.google.gson.annotations.SerializedName("do") String what;
  }

  record Failure(int code, String message, double beganMs) {}

  static final class Answer {
    int code;
    String message = "";
    List<String> responses = new ArrayList<>();
    Map<String, List<String>> headers = new TreeMap<>();
    Map<String, List<String>> trailers = new TreeMap<>();
    Map<String, Integer> codes;
    Integer distinct;
    Long calls;
    List<Failure> failures;
  }

  /** Bytes as they are. */
  private static final MethodDescriptor.Marshaller<byte[]> BYTES = new MethodDescriptor.Marshaller<>() {
    @Override public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException cause) {
        throw new UncheckedIOException(cause);
      }
    }
  };

  /** A call under way; what comes of it is noted, and a close is the last of its events. */
  static final class Call extends ClientCall.Listener<byte[]> {
    static final Object CLOSED = new Object();
    final Answer answer = new Answer();
    final LinkedBlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private final ClientCall<byte[], byte[]> call;
    private final int leaveAfter;

    Call(ManagedChannel channel, Command command, MethodDescriptor.MethodType type) {
      leaveAfter = command.leaveAfter;
      CallOptions options = CallOptions.DEFAULT;
      if (command.timeoutMs > 0) options = options.withDeadlineAfter(command.timeoutMs, TimeUnit.MILLISECONDS);
      if (command.gzip) options = options.withCompression("gzip");
      call = channel.newCall(MethodDescriptor.<byte[], byte[]>newBuilder(BYTES, BYTES).setType(type).setFullMethodName(command.path.substring(1)).build(), options);
      Metadata headers = new Metadata();
      for (List<String> pair : command.metadata) {
        String name = pair.get(0);
        if (name.endsWith("-bin")) headers.put(Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER), Base64.getDecoder().decode(pair.get(1)));
        else headers.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), pair.get(1));
      }
      call.start(this, headers);
      call.request(2);
    }

    Call send(String request) {
      call.sendMessage(Base64.getDecoder().decode(request));
      return this;
    }

    Call halfClose() {
      call.halfClose();
      return this;
    }

    Answer ended() throws InterruptedException {
      while (events.take() != CLOSED) { }
      return answer;
    }

    @Override public void onHeaders(Metadata headers) {
      tell(headers, answer.headers);
    }

    @Override public void onMessage(byte[] message) {
      answer.responses.add(told(message));
      if (answer.responses.size() == leaveAfter) call.cancel("the client leaves", null);
      events.add(message);
      call.request(1);
    }

    @Override public void onClose(Status status, Metadata trailers) {
      answer.code = status.getCode().value();
      answer.message = status.getDescription() == null ? "" : status.getDescription();
      tell(trailers, answer.trailers);
      events.add(CLOSED);
    }
  }

  private static String told(byte[] response) {
    if (response.length <= IN_FULL) return Base64.getEncoder().encodeToString(response);
    try {
      return "sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(response));
    } catch (java.security.NoSuchAlgorithmException cause) {
      throw new IllegalStateException(cause);
    }
  }

  private static void tell(Metadata metadata, Map<String, List<String>> into) {
    for (String name : metadata.keys()) {
      List<String> values = into.computeIfAbsent(name, each -> new ArrayList<>());
      if (name.endsWith("-bin")) for (byte[] value : metadata.getAll(Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER))) values.add(Base64.getEncoder().encodeToString(value));
      else for (String value : metadata.getAll(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER))) values.add(value);
    }
  }

  private static Call begin(ManagedChannel channel, Command command) {
    return new Call(channel, command, MethodDescriptor.MethodType.UNARY).send(command.request).halfClose();
  }

  private static Answer many(ManagedChannel channel, Command command) throws InterruptedException {
    List<Call> calls = new ArrayList<>();
    for (int i = 0; i < command.count; i++) calls.add(begin(channel, command));
    Answer all = new Answer();
    all.codes = new TreeMap<>();
    Set<String> distinct = new HashSet<>();
    for (Call call : calls) {
      Answer one = call.ended();
      all.codes.merge(String.valueOf(one.code), 1, Integer::sum);
      distinct.addAll(one.responses);
    }
    all.distinct = distinct.size();
    return all;
  }

  /** Each request waits for the answer to the one before. */
  private static Answer bidi(ManagedChannel channel, Command command) throws InterruptedException {
    Call call = new Call(channel, command, MethodDescriptor.MethodType.BIDI_STREAMING);
    for (String request : command.requests) {
      call.send(request);
      if (call.events.take() == Call.CLOSED) return call.answer;
    }
    return call.halfClose().ended();
  }

  private static Answer down(ManagedChannel channel, Command command) throws InterruptedException {
    return new Call(channel, command, MethodDescriptor.MethodType.SERVER_STREAMING).send(command.requests.get(0)).halfClose().ended();
  }

  /** Calls without a pause, until each worker has failed once. Says `began` when some have been answered. */
  private static Answer hammer(ManagedChannel channel, Command command) throws InterruptedException {
    Answer all = new Answer();
    all.failures = new ArrayList<>();
    all.calls = 0L;
    List<Thread> workers = new ArrayList<>();
    for (int i = 0; i < command.workers; i++) {
      Thread worker = new Thread(() -> {
        try {
          for (;;) {
            double began = System.currentTimeMillis();
            Answer one = begin(channel, command).ended();
            synchronized (all) {
              if (one.code != 0) {
                all.failures.add(new Failure(one.code, one.message, began));
                return;
              }
              if (++all.calls == 100) say(Map.of("began", true));
            }
          }
        } catch (InterruptedException cause) {
          throw new IllegalStateException(cause);
        }
      });
      worker.start();
      workers.add(worker);
    }
    for (Thread worker : workers) worker.join();
    return all;
  }

  private static synchronized void say(Object what) {
    System.out.println(JSON.toJson(what));
    System.out.flush();
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = NettyChannelBuilder.forTarget(arguments[0], InsecureChannelCredentials.create()).maxInboundMessageSize(64 << 20).build();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Command command = JSON.fromJson(line, Command.class);
      say(switch (command.what) {
        case "unary" -> begin(channel, command).ended();
        case "many" -> many(channel, command);
        case "bidi" -> bidi(channel, command);
        case "down" -> down(channel, command);
        case "hammer" -> hammer(channel, command);
        default -> throw new IllegalArgumentException(line);
      });
    }
    channel.shutdownNow();
  }
}
