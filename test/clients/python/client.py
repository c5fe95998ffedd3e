# A gRPC client that does what it is told: one JSON command per line of standard input, one JSON answer per line of standard output.
# Messages are bytes in base64; what the commands are is in test/harness/foreign-client.ts.
import base64
import hashlib
import json
import queue
import sys
import threading
import time

import grpc

# The largest response that is told in full.
IN_FULL = 65536

channel = grpc.insecure_channel(sys.argv[1], options=[
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0),
])
output = threading.Lock()


def say(what):
    with output:
        print(json.dumps(what), flush=True)


def told(response):
    if len(response) <= IN_FULL:
        return base64.b64encode(response).decode()
    return "sha256:" + hashlib.sha256(response).hexdigest()


def told_metadata(pairs):
    told_pairs = {}
    for name, value in pairs or ():
        told_pairs.setdefault(name, []).append(base64.b64encode(value).decode() if isinstance(value, bytes) else value)
    return told_pairs


def options(command):
    return {
        "metadata": [(name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in command.get("metadata", [])],
        "timeout": command["timeoutMs"] / 1000 if "timeoutMs" in command else None,
        "compression": grpc.Compression.Gzip if command.get("gzip") else None,
    }


def answer(call, responses):
    return {
        "code": call.code().value[0], "message": call.details() or "", "responses": responses,
        "headers": told_metadata(call.initial_metadata()), "trailers": told_metadata(call.trailing_metadata()),
    }


def unary(command):
    method = channel.unary_unary(command["path"])
    try:
        response, call = method.with_call(base64.b64decode(command["request"]), **options(command))
        return answer(call, [told(response)])
    except grpc.RpcError as error:
        return answer(error, [])


def many(command):
    method = channel.unary_unary(command["path"])
    request = base64.b64decode(command["request"])
    calls = [method.future(request, **options(command)) for _ in range(command["count"])]
    codes, distinct = {}, set()
    for call in calls:
        code = str(call.code().value[0])
        codes[code] = codes.get(code, 0) + 1
        if code == "0":
            distinct.add(call.result())
    return {"code": 0, "message": "", "responses": [], "codes": codes, "distinct": len(distinct)}


def stream(command, both):
    """Each request of a stream both ways waits for the answer to the one before; with leaveAfter the client cancels after so many."""
    responses = []
    if both:
        requests = queue.SimpleQueue()
        call = channel.stream_stream(command["path"])(iter(requests.get, None), **options(command))
    else:
        call = channel.unary_stream(command["path"])(base64.b64decode(command["requests"][0]), **options(command))
    waiting = [base64.b64decode(request) for request in command["requests"]] if both else []

    def proceed():
        if both:
            requests.put(waiting.pop(0) if waiting else None)

    try:
        proceed()
        for response in call:
            responses.append(told(response))
            if len(responses) == command.get("leaveAfter"):
                call.cancel()
            proceed()
    except grpc.RpcError:
        pass  # the status says the same
    finally:
        if both:
            requests.put(None)
    return answer(call, responses)


def hammer(command):
    """Calls without a pause, until each worker has failed once. Says `began` when some have been answered."""
    lock = threading.Lock()
    failures, calls = [], [0]

    def work():
        while True:
            began = time.time() * 1000
            one = unary(command)
            with lock:
                if one["code"] != 0:
                    failures.append({"code": one["code"], "message": one["message"], "beganMs": began})
                    return
                calls[0] += 1
                if calls[0] == 100:
                    say({"began": True})

    workers = [threading.Thread(target=work) for _ in range(command["workers"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"code": 0, "message": "", "responses": [], "calls": calls[0], "failures": failures}


DO = {"unary": unary, "many": many, "down": lambda command: stream(command, False), "bidi": lambda command: stream(command, True), "hammer": hammer}
for line in sys.stdin:
    parsed = json.loads(line)
    say(DO[parsed["do"]](parsed))
