#include "job.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "../failure.h"

namespace nestbit {
namespace {

struct Environment;

struct Job {
  explicit Job(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise::Deferred deferred;
  std::vector<Napi::Reference<Napi::Value>> kept;
  Work work;
  Answer answer;
  Stop stop{0};
  uint32_t token = 0;
  Environment* environment = nullptr;
  std::string code, message;
};

void deliver(Napi::Env env, Napi::Function, Environment* environment, Job* job);
using Channel = Napi::TypedThreadSafeFunction<Environment, Job, deliver>;

struct Environment {
  Channel channel;
  std::mutex mutex;
  std::condition_variable idle;
  std::set<Job*> working;             // Jobs that threads are at.
  std::map<uint32_t, Job*> byToken;   // Jobs under way; JavaScript thread only.
  size_t pending = 0;                 // Promises not settled yet; JavaScript thread only.
  Napi::FunctionReference indexClass;
};

void run(Job* job) {
  try {
    job->work(job->stop);
  } catch (const Failure& failure) {
    job->code = failure.code;
    job->message = failure.what();
  } catch (const std::bad_alloc&) {
    job->code = "OUT_OF_MEMORY";
    job->message = "There is not enough memory for this call.";
  } catch (const std::exception& error) {
    job->code = "FAISS_FAILED";
    job->message = error.what();
  } catch (...) {
    job->code = "FAISS_FAILED";
    job->message = "an exception that is no std::exception";
  }
  Environment* const environment = job->environment;
  // The job may be gone as soon as it is delivered, the environment once it is not working any more.
  std::lock_guard<std::mutex> lock(environment->mutex);
  environment->channel.NonBlockingCall(job);
  environment->working.erase(job);
  environment->idle.notify_all();
}

void deliver(Napi::Env env, Napi::Function, Environment* environment, Job* job) {
  std::unique_ptr<Job> owned(job);
  // The environment is ending: there is no one to tell.
  if (env == nullptr) return;
  Napi::HandleScope scope(env);
  environment->byToken.erase(job->token);
  if (--environment->pending == 0) environment->channel.Unref(env);
  if (!job->code.empty()) {
    Napi::Error error = Napi::Error::New(env, job->message);
    error.Set("code", Napi::String::New(env, job->code));
    job->deferred.Reject(error.Value());
    return;
  }
  try {
    job->deferred.Resolve(job->answer(env));
  } catch (const Napi::Error& error) {
    job->deferred.Reject(error.Value());
  }
}

}  // namespace

void prepareJobs(Napi::Env env) {
  auto* environment = new Environment();
  environment->channel = Channel::New(env, "nestbit", 0, 1, environment);
  environment->channel.Unref(env);
  env.SetInstanceData<Environment>(environment);
  // The memory that jobs work on goes with the environment: it waits for them.
  env.AddCleanupHook(
      [](Environment* ending) {
        std::unique_lock<std::mutex> lock(ending->mutex);
        for (Job* job : ending->working) job->stop = 1;
        ending->idle.wait(lock, [&] { return ending->working.empty(); });
      },
      environment);
}

Napi::Value start(Napi::Env env, uint32_t token, std::initializer_list<Napi::Value> keep, Work work, Answer answer) {
  auto* environment = env.GetInstanceData<Environment>();
  auto job = std::make_unique<Job>(env);
  job->environment = environment;
  job->token = token;
  job->work = std::move(work);
  job->answer = std::move(answer);
  for (const Napi::Value& value : keep) {
    if (!value.IsObject()) continue;
    // References to values that are no objects are not to be had before Node-API 10.
    job->kept.push_back(Napi::Reference<Napi::Value>::New(value, 1));
  }
  const Napi::Promise promise = job->deferred.Promise();
  if (environment->pending++ == 0) environment->channel.Ref(env);
  Job* const raw = job.release();
  if (token != 0) environment->byToken[token] = raw;
  {
    std::lock_guard<std::mutex> lock(environment->mutex);
    environment->working.insert(raw);
  }
  post([raw] { run(raw); });
  return promise;
}

Napi::FunctionReference& indexClass(Napi::Env env) { return env.GetInstanceData<Environment>()->indexClass; }

void cancel(const Napi::CallbackInfo& info) {
  auto* environment = info.Env().GetInstanceData<Environment>();
  const auto found = environment->byToken.find(info[0].As<Napi::Number>().Uint32Value());
  if (found != environment->byToken.end()) found->second->stop = 1;
}

}  // namespace nestbit
